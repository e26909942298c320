/** The type of an API as the other side of a connection sees it. */

/**
 * An API whose functions run on the other side: every function returns a promise.
 *
 * - Async iterables stay async iterables: a function that returns one returns a promise of it.
 * - Overloads (up to four) and the names of parameters stay. A function with type parameters keeps them
 *   if it returns a promise; otherwise TypeScript replaces them by their constraints.
 * - Nested objects are APIs of their own. Other properties are read with `get` and written with `set`.
 */
export type Remote<Api> = Api extends (...args: never[]) => unknown
  ? RemoteFunction<Api>
  : Api extends object
    ? { [Key in keyof Api]: Remote<Api[Key]> } & RemoteProperty<Api>
    : RemoteProperty<Api>

/** A property of the other side: `get` reads it and `set` writes it. */
export interface RemoteProperty<Value> {
  /** For the compiler alone. */
  readonly [property]?: Value
}

declare const property: unique symbol

/** A function of the other side. */
export type RemoteFunction<Function extends (...args: never[]) => unknown> =
  // A function that returns a promise is the same on both sides, so its type parameters stay.
  ReturnType<Function> extends Promise<unknown> ? Function : RemoteOverloads<Function>

type RemoteOverloads<Function> = Function extends {
  (...args: infer A1): infer R1
  (...args: infer A2): infer R2
  (...args: infer A3): infer R3
  (...args: infer A4): infer R4
}
  ? Overload<A1, R1> & Overload<A2, R2> & Overload<A3, R3> & Overload<A4, R4>
  : never

type Overload<Args extends unknown[], Result> = (...args: Args) => Promise<RemoteResult<Result>>

type RemoteResult<Result> = Result extends PromiseLike<infer Value> ? Value : Result
