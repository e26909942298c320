/** The type of an API as the other side of a connection sees it. */

/**
 * An API whose functions run on the other side: every function returns a promise.
 *
 * - Async iterables stay async iterables: a function that returns one returns a promise of it.
 * - Names of parameters and up to four overloads stay. A function with type parameters keeps them if it returns a
 *   promise; otherwise TypeScript replaces them by their constraints.
 * - Functions in results can be called. Such a call has no result.
 * - Nested objects are APIs of their own. Other properties are read with `get` and written with `set`.
 */
export type Remote<Api> = Api extends AnyFunction
  ? RemoteFunction<Api>
  : Api extends object
    ? { [Key in keyof Api]-?: RemoteMember<Api[Key]> } & RemoteProperty<Api>
    : RemoteProperty<Api>

/** A property of the other side: `get` reads it and `set` writes it. */
export interface RemoteProperty<Value> {
  /** For the compiler alone. */
  readonly [property]?: Value
}

declare const property: unique symbol

type AnyFunction = (...args: never[]) => unknown

/** A member that may be optional: the other side is asked in any case. */
type RemoteMember<Member> =
  NonNullable<Member> extends AnyFunction
    ? RemoteFunction<NonNullable<Member>>
    : NonNullable<Member> extends new (...args: infer Args) => infer Instance
      ? new (...args: Args) => Promise<Instance>
      : NonNullable<Member> extends object
        ? Remote<NonNullable<Member>> & RemoteProperty<Member>
        : RemoteProperty<Member>

/** A function of the other side. */
export type RemoteFunction<Function extends AnyFunction> = Function extends {
  (...args: infer A1): infer R1
  (...args: infer A2): infer R2
  (...args: infer A3): infer R3
  (...args: infer A4): infer R4
}
  ? IsSame<R1 | R2 | R3 | R4> extends true
    ? Function
    : Overload<A1, R1> & Overload<A2, R2> & Overload<A3, R3> & Overload<A4, R4>
  : never

/** Whether results are the same on both sides, so that the type parameters of the function can stay. */
type IsSame<Result> = [Result] extends [never]
  ? false
  : [Result] extends [Promise<infer Value>]
    ? [Value] extends [RemoteValue<Value>]
      ? true
      : false
    : false

type Overload<Args extends unknown[], Result> = (
  ...args: Args
) => Promise<RemoteValue<Awaited<Result>>>

/** What arrives of a result. */
type RemoteValue<Value> = Value extends AsyncIterable<infer Item> | ReadableStream<infer Item>
  ? AsyncIterable<Item>
  : Value extends (...args: infer Args) => unknown
    ? (...args: Args) => void
    : Value
