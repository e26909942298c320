/** Uses of packages that parse and format text. */
export const uses = {
  async 'csv-parse'() {
    const { parse } = await import('csv-parse')
    const rows = []
    const parser = parse({ columns: true, delimiter: ';' })
    parser.end('a;b\n1;"x;y"\n')
    for await (const row of parser) rows.push(row)
    return rows
  },

  async papaparse() {
    const { default: Papa } = await import('papaparse')
    return [
      Papa.parse('a,b\n1,2', { header: true, dynamicTyping: true }).data,
      Papa.unparse([[1, 'x,y']]),
    ]
  },

  async 'fast-xml-parser'() {
    const { XMLParser, XMLBuilder } = await import('fast-xml-parser')
    const options = { ignoreAttributes: false }
    const data = new XMLParser(options).parse('<a b="1"><c>x</c><c>y</c></a>')
    return [data, new XMLBuilder(options).build(data)]
  },

  async 'js-yaml'() {
    const yaml = await import('js-yaml')
    return [yaml.load('a: &x [1, 2]\nb: *x\n'), yaml.dump({ list: ['x', { y: null }] })]
  },

  async dotenv() {
    const { default: dotenv } = await import('dotenv')
    const target = {}
    dotenv.populate(target, dotenv.parse('A=1\nB="two\\nlines" # comment'))
    return target
  },

  async marked() {
    const { marked } = await import('marked')
    return marked.parse('# Title\n\n- *a*\n- `b`\n\n| x |\n|---|\n| 1 |\n')
  },

  async cheerio() {
    const { load } = await import('cheerio')
    const $ = load('<ul><li class="a">1<li>2</ul>')
    $('li.a').text('one')
    return [$('li').length, $.html('ul')]
  },

  async jsdom() {
    const { JSDOM } = await import('jsdom')
    const html = '<p id="x">a</p><script>x.textContent += " and b"</script>'
    const { window } = new JSDOM(html, { runScripts: 'dangerously' })
    const { textContent } = window.document.querySelector('#x')
    window.close()
    return textContent
  },

  async handlebars() {
    const { default: Handlebars } = await import('handlebars')
    return Handlebars.compile('{{#each list}}{{@index}}={{this}} {{/each}}')({ list: ['a', '<b>'] })
  },

  async typescript() {
    const { default: ts } = await import('typescript')
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }
    return ts.transpileModule('enum E { A }; let x: E = E.A', { compilerOptions }).outputText
  },

  async prettier() {
    const prettier = await import('prettier')
    return [
      await prettier.format('a  =  {b:1}', { parser: 'babel' }),
      await prettier.format('a{color:red}', { parser: 'css' }),
    ]
  },
}
