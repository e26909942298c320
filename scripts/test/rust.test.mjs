/** Tests of the set-up of Rust, system packages and Node. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  ensureRust,
  ensureRustLinters,
  hostTriple,
  rustVersion,
  wantedRust,
} from '../setup/rust.mjs'
import {
  distribution,
  missingPackages,
  packagedRust,
  packagesFor,
} from '../setup/distributions.mjs'
import { aptProgress } from '../setup/system.mjs'
import { ensureNode } from '../setup/npm.mjs'
import { which } from '../lib/run.mjs'
import { isAtLeast } from '../lib/versions.mjs'
import { put, temporaryFolder } from './helpers.mjs'

const debian12 = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n'

/** Programs that answer `--version`. */
function fakeTools(t, version) {
  const bin = temporaryFolder(t)
  for (const tool of ['rustc', 'cargo'])
    script(join(bin, tool), `echo "${tool} ${version} (abc 2026-01-01)"`)
  return bin
}

function script(file, text) {
  chmodSync(put(file, `#!/bin/sh\n${text}\n`), 0o755)
}

test('a Rust that is new enough is used', async (t) => {
  await ensureRust({ PATH: fakeTools(t, '1.97.1'), HOME: temporaryFolder(t) })
})

test('the older of rustc and cargo decides', (t) => {
  const bin = fakeTools(t, '1.97.1')
  script(join(bin, 'cargo'), 'echo "cargo 1.63.0"')
  assert.equal(rustVersion({ PATH: bin }), '1.63')
  assert.equal(rustVersion({ PATH: temporaryFolder(t) }), undefined)
})

test('versions are compared as numbers', () => {
  assert.ok(isAtLeast('1.100', '1.95') && isAtLeast('1.95', '1.95') && isAtLeast('2.0', '1.95'))
  assert.ok(!isAtLeast('1.9', '1.95') && !isAtLeast('0.99', '1.0'))
})

/** A fake of rustup's server. `installer` is the text of a script. */
async function rustupServer(t, { installer, sum } = {}) {
  const body = Buffer.from(installer)
  const list = sum ?? createHash('sha256').update(body).digest('hex')
  const server = createServer((request, response) => {
    const isList = request.url.endsWith('.sha256')
    if (!request.url.startsWith(`/rustup/dist/${hostTriple()}/rustup-init`)) response.writeHead(404)
    response.end(isList ? `${list} *rustup-init` : body)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return `http://127.0.0.1:${server.address().port}`
}

const fakeInstaller = `#!/bin/sh
mkdir -p "$HOME/.cargo/bin"
for tool in rustc cargo; do
  printf '#!/bin/sh\\necho "%s 1.95.0"\\n' "$tool" > "$HOME/.cargo/bin/$tool"
  chmod +x "$HOME/.cargo/bin/$tool"
done
echo "$@" > "$HOME/arguments"
`

/** The environment of an empty home folder on a system without Rust. */
function home(t, more) {
  const folder = temporaryFolder(t)
  const system = join(folder, 'system')
  mkdirSync(system)
  for (const tool of ['chmod', 'mkdir']) symlinkSync(which(tool), join(system, tool))
  return {
    HOME: folder,
    PATH: [join(folder, '.cargo', 'bin'), system].join(':'),
    CARGO_TARGET_DIR: join(folder, 'target'),
    ...more,
  }
}

test('rustup installs a missing Rust in the default folder', async (t) => {
  const env = home(t, { RUSTUP_DIST_SERVER: await rustupServer(t, { installer: fakeInstaller }) })
  await ensureRust(env, null)
  assert.ok(existsSync(join(env.HOME, '.cargo', 'bin', 'cargo')))
  assert.equal(rustVersion(env), '1.95')
})

test('an installer with a wrong checksum is not started', async (t) => {
  const server = await rustupServer(t, { installer: fakeInstaller, sum: '0'.repeat(64) })
  const env = home(t, { RUSTUP_DIST_SERVER: server })
  await assert.rejects(
    ensureRust(env, null),
    /wrong checksum of http.*rustup-init: found [0-9a-f]{64}, expected 0{64}/,
  )
  assert.ok(!existsSync(join(env.HOME, 'arguments')))
})

test('a server without a valid checksum is skipped', async (t) => {
  const server = await rustupServer(t, { installer: fakeInstaller, sum: '<html>log in</html>' })
  const env = home(t, { RUSTUP_DIST_SERVER: server })
  await assert.rejects(ensureRust(env, null), /Rust .* or newer is required/)
  assert.ok(!existsSync(join(env.HOME, 'arguments')))
})

test('an existing rustup installs a newer toolchain', async (t) => {
  const bin = fakeTools(t, '1.63.0')
  script(
    join(bin, 'rustc'),
    '[ "$RUSTUP_TOOLCHAIN" = 1.95.0 ] && echo "rustc 1.95.0" || echo "rustc 1.63.0"',
  )
  script(
    join(bin, 'cargo'),
    '[ "$RUSTUP_TOOLCHAIN" = 1.95.0 ] && echo "cargo 1.95.0" || echo "cargo 1.63.0"',
  )
  script(join(bin, 'rustup'), 'exit 0')
  const env = {
    PATH: `${bin}:/usr/bin:/bin`,
    HOME: temporaryFolder(t),
    CARGO_TARGET_DIR: temporaryFolder(t),
  }
  await ensureRust(env, null)
  assert.equal(env.RUSTUP_TOOLCHAIN, `${wantedRust()}.0`)
})

test('the error for a missing linter names the command to install it', () => {
  assert.throws(() => ensureRustLinters({}, () => undefined), /rustup component add rustfmt/)
})

test('package names depend on the distribution', () => {
  assert.ok(packagesFor(['window'], distribution(debian12)).includes('libwebkit2gtk-4.1-dev'))
  assert.equal(distribution(debian12).name, 'Debian GNU/Linux 12 (bookworm)')
  assert.ok(
    packagesFor(['window'], distribution('ID=linuxmint\nID_LIKE="ubuntu debian"\n')).includes(
      'libwebkit2gtk-4.1-dev',
    ),
  )
  assert.ok(packagesFor(['window'], distribution('ID=fedora\n')).includes('webkit2gtk4.1-devel'))
  assert.ok(packagesFor(['window'], distribution('ID=arch\n')).includes('webkit2gtk-4.1'))
  assert.equal(distribution('ID=nixos\n'), undefined)
})

test('a removed but not purged package is missing, one for two architectures is not', () => {
  const states = { gcc: 'installed\ninstalled\n', cmake: 'config-files\n' }
  const query = (program, args) => states[args.at(-1)]
  const system = distribution(debian12)
  assert.deepEqual(missingPackages(['gcc', 'cmake', 'unknown'], system, query), [
    'cmake',
    'unknown',
  ])
})

test("apt's output becomes a count", () => {
  const count = aptProgress()
  assert.equal(count('Get:1 bookworm/main'), undefined)
  assert.equal(count('0 upgraded, 2 newly installed, 0 to remove'), undefined)
  assert.equal(count('Get:1 bookworm/main'), 'downloading')
  assert.equal(count('Unpacking make (4.3)'), 'unpacking')
  assert.equal(count('Setting up make (4.3) ...'), 'packages 1 of 2 are set up')
})

test('no package is listed twice', () => {
  for (const id of ['debian', 'fedora', 'arch']) {
    const { engine, window, test } = distribution(`ID=${id}\n`).packages
    const all = [...engine, ...window, ...test]
    assert.equal(new Set(all).size, all.length, id)
  }
})

test("the distribution's Rust is used if it is new enough", () => {
  const madison = {
    rustc: ' rustc | 1.63.0+dfsg1-2 | http://mirror/debian bookworm/main amd64 Packages\n',
    'rustc-web':
      ' rustc-web | 1.96.0+dfsg1-1~deb12u2 | http://mirror/debian-security bookworm-security/main amd64 Packages\n',
  }
  const system = distribution(debian12)
  const found = packagedRust('1.95', system, (program, args) => madison[args.at(-1)])
  assert.deepEqual(found, {
    packages: ['cargo-web', 'rustc-web', 'rustfmt-web', 'rust-web-clippy'],
    suite: undefined,
  })
  const backports =
    ' rustc | 1.97.1+dfsg1-1~bpo13+1 | http://mirror/debian trixie-backports/main amd64 Packages\n'
  assert.equal(packagedRust('1.95', system, () => backports).suite, 'trixie-backports')
  assert.equal(
    packagedRust('1.95', system, () => madison.rustc),
    undefined,
  )
})

test('an old Node is refused with the required versions', () => {
  assert.throws(
    () => ensureNode('18.20.4'),
    /this is Node 18\.20\.4; required is 20\.19, 22\.12, 24\.0 or newer/,
  )
  for (const version of ['20.18.0', '21.7.3', '22.11.0', '23.9.0'])
    assert.throws(() => ensureNode(version), /required is 20\.19/, version)
  ensureNode('20.19.0')
  ensureNode('22.12.0')
  ensureNode('24.1.0')
  ensureNode('27.0.0')
})
