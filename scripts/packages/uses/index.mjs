/** All uses, by package name. */
import { uses as files } from './files.mjs'
import { uses as formats } from './formats.mjs'
import { uses as services } from './services.mjs'
import { uses as terminal } from './terminal.mjs'
import { uses as values } from './values.mjs'
import { uses as web } from './web.mjs'

export const uses = { ...files, ...formats, ...services, ...terminal, ...values, ...web }
