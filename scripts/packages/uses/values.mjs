/** Uses of packages for values: dates, schemas, collections, identifiers, queues, signatures. */

export const uses = {
  async lodash() {
    const { default: _ } = await import('lodash')
    return _.chain([1, 2, 3, 4])
      .groupBy((n) => n % 2)
      .mapValues(_.sum)
      .value()
  },

  async dayjs() {
    const { default: dayjs } = await import('dayjs')
    const { default: utc } = await import('dayjs/plugin/utc.js')
    dayjs.extend(utc)
    return dayjs.utc('2024-02-28').add(2, 'day').format('dddd, MMMM D, YYYY')
  },

  async luxon() {
    const { DateTime } = await import('luxon')
    const time = DateTime.fromISO('2024-03-31T01:30', { zone: 'Europe/Berlin' })
    return [time.plus({ hours: 1 }).toISO(), time.setLocale('fr').toFormat('cccc d LLLL')]
  },

  async 'date-fns'() {
    const { addMonths, formatISO, intervalToDuration } = await import('date-fns')
    const date = new Date(2024, 0, 31)
    const end = addMonths(date, 1)
    return [formatISO(end, { representation: 'date' }), intervalToDuration({ start: date, end })]
  },

  async zod() {
    const { z } = await import('zod')
    const schema = z.object({ name: z.string().min(2), age: z.coerce.number().int() })
    const { error } = schema.safeParse({ name: 'x', age: 1.5 })
    return [schema.parse({ name: 'Ann', age: '7' }), error.issues.map(({ code }) => code)]
  },

  async ajv() {
    const { default: Ajv } = await import('ajv')
    const validate = new Ajv().compile({
      type: 'object',
      properties: { n: { type: 'integer', minimum: 3 } },
      required: ['n'],
    })
    return [validate({ n: 3 }), validate({ n: 1 }), validate.errors[0].message]
  },

  async uuid() {
    const { v4, v5, validate } = await import('uuid')
    return [validate(v4()), v5('name', v5.URL)]
  },

  async nanoid() {
    const { nanoid, customAlphabet } = await import('nanoid')
    return [nanoid().length, customAlphabet('a', 5)()]
  },

  async semver() {
    const { default: semver } = await import('semver')
    return [semver.satisfies('1.4.2', '^1.2'), semver.inc('1.2.3', 'minor')]
  },

  async rxjs() {
    const { from, interval, lastValueFrom, mergeMap, take, toArray } = await import('rxjs')
    const source = from([1, 2]).pipe(mergeMap((n) => interval(n).pipe(take(2))))
    return (await lastValueFrom(source.pipe(toArray()))).sort()
  },

  async immer() {
    const { produce } = await import('immer')
    const before = { list: [1], other: {} }
    const after = produce(before, (draft) => void draft.list.push(2))
    return [before, after, before.other === after.other, Object.isFrozen(after)]
  },

  async 'p-queue'() {
    const { default: PQueue } = await import('p-queue')
    const queue = new PQueue({ concurrency: 2 })
    let [now, most] = [0, 0]
    const task = async () => {
      most = Math.max(most, ++now)
      await new Promise((resolve) => setTimeout(resolve, 5))
      now -= 1
    }
    await queue.addAll(Array(6).fill(task))
    return most
  },

  async bcryptjs() {
    const { default: bcrypt } = await import('bcryptjs')
    const hash = await bcrypt.hash('secret', 4)
    return [hash.slice(0, 7), await bcrypt.compare('secret', hash)]
  },

  async bcrypt() {
    const { default: bcrypt } = await import('bcrypt')
    const hash = await bcrypt.hash('secret', 4)
    return [hash.slice(0, 7), await bcrypt.compare('secret', hash)]
  },

  async jose() {
    const { SignJWT, generateKeyPair, jwtVerify } = await import('jose')
    const { publicKey, privateKey } = await generateKeyPair('ES256')
    const token = await new SignJWT({ sub: 'me' })
      .setProtectedHeader({ alg: 'ES256' })
      .sign(privateKey)
    return (await jwtVerify(token, publicKey)).payload
  },

  async jsonwebtoken() {
    const { default: jwt } = await import('jsonwebtoken')
    const token = jwt.sign({ sub: 'me' }, 'key', { noTimestamp: true })
    const wrong = () => jwt.verify(token, 'other')
    let message
    try {
      wrong()
    } catch (error) {
      message = error.message
    }
    return [token, jwt.verify(token, 'key'), message]
  },

  async 'node-cron'() {
    const { default: cron } = await import('node-cron')
    const started = Promise.withResolvers?.() ?? deferred()
    const task = cron.schedule('* * * * * *', () => started.resolve('ran'))
    const result = await started.promise
    await task.destroy()
    return [result, cron.validate('61 * * * *')]
  },

  async sharp() {
    const { default: sharp } = await import('sharp')
    const create = { width: 8, height: 8, channels: 3, background: 'red' }
    const { format, width } = await sharp(await sharp({ create }).png().toBuffer()).metadata()
    return { format, width }
  },

  async 'sql.js'() {
    const { default: initialise } = await import('sql.js')
    const { Database } = await initialise()
    const database = new Database()
    database.run('create table t (n int); insert into t values (1), (2)')
    const [{ values }] = database.exec('select sum(n) from t')
    database.close()
    return values
  },
}

function deferred() {
  let resolve
  const promise = new Promise((settle) => (resolve = settle))
  return { promise, resolve }
}
