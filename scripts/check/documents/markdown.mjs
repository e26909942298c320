/** Parses a Markdown file like GitHub: anchors, links, code blocks and inline code, with their lines. */
import GithubSlugger from 'github-slugger'
import { fromMarkdown } from 'mdast-util-from-markdown'
import { gfmFromMarkdown } from 'mdast-util-gfm'
import { toString } from 'mdast-util-to-string'
import { gfm } from 'micromark-extension-gfm'

/**
 * @typedef {object} Block a code block
 * @property {number} line the line of the fence; the code starts on the next line
 * @property {string} language
 * @property {string} meta the text after the language
 * @property {string} code
 * @property {string} [unchecked] the reason in the comment above it
 *
 * @typedef {object} Document
 * @property {string} path relative to the root, with slashes
 * @property {Set<string>} anchors
 * @property {{ line: number, target: string }[]} links including images
 * @property {Block[]} blocks
 * @property {{ line: number, code: string }[]} inlineCode
 */

/** @returns {Document} */
export function readDocument(path, text) {
  const tree = fromMarkdown(text, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] })
  const slugger = new GithubSlugger()
  const document = { path, anchors: new Set(), links: [], blocks: [], inlineCode: [] }
  const definitions = definedLabels(tree)
  for (const { node, before } of walk(tree)) {
    const line = node.position.start.line
    if (node.type === 'heading') document.anchors.add(slugger.slug(toString(node)))
    if (['link', 'image', 'definition'].includes(node.type)) {
      document.links.push({ line, target: node.url })
    }
    if (node.type === 'text') document.links.push(...undefinedReferences(node, definitions))
    if (node.type === 'html') readHtml(node, document)
    if (node.type === 'inlineCode') document.inlineCode.push({ line, code: node.value })
    if (node.type === 'code') document.blocks.push(blockOf(node, before))
  }
  return document
}

/** Every node below `parent`, with its previous sibling. */
function* walk(parent) {
  for (const [index, node] of (parent.children ?? []).entries()) {
    yield { node, before: parent.children[index - 1] }
    yield* walk(node)
  }
}

function blockOf(node, before) {
  const reason = before?.type === 'html' && /^<!--\s*unchecked:(.*)-->$/s.exec(before.value)
  return {
    line: node.position.start.line,
    language: node.lang ?? '',
    meta: node.meta ?? '',
    code: node.value,
    ...(reason && { unchecked: reason[1].trim() }),
  }
}

function definedLabels(tree) {
  return new Set(
    [...walk(tree)]
      .map(({ node }) => node)
      .flatMap((node) => (node.type === 'definition' ? [node.identifier] : [])),
  )
}

/** Finds `[text][label]` without a definition of the label, which the parser treats as text. */
function undefinedReferences(node, definitions) {
  return [...node.value.matchAll(/\]\[([^\][]+)\]/g)]
    .filter(([, label]) => !definitions.has(label.toLowerCase()))
    .map(([, label]) => ({ line: lineAt(node, label), target: `[${label}]` }))
}

/** Finds anchors and links in HTML. */
function readHtml(node, document) {
  const html = node.value.replace(/<!--.*?-->/gs, '')
  for (const [, name] of html.matchAll(/\s(?:id|name)="([^"]+)"/g)) document.anchors.add(name)
  for (const [all, target] of html.matchAll(/\s(?:href|src)="([^"]*)"/g)) {
    document.links.push({ line: lineAt(node, all.trim()), target })
  }
}

/** The line of `part` in a node. */
function lineAt(node, part) {
  const before = node.value.slice(0, Math.max(0, node.value.indexOf(part)))
  return node.position.start.line + before.split('\n').length - 1
}
