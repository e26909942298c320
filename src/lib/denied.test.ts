import { expect, test } from 'vitest'
import { deniedIn } from './denied'

test.each([
  [
    'NotCapable: Requires net access to "example.com:443", run again with the --allow-net flag',
    { permission: 'net', target: 'example.com:443', grant: '["example.com:443"]' },
  ],
  [
    'Requires read access to "/etc/hosts", run again with the --allow-read flag',
    { permission: 'read', target: '/etc/hosts', grant: '["/etc/hosts"]' },
  ],
  [
    'Requires read access to <CWD>, run again with the --allow-read flag',
    { permission: 'read', target: 'CWD', grant: '["CWD"]' },
  ],
  [
    'Requires env access, run again with the --allow-env flag',
    { permission: 'env', target: null, grant: 'true' },
  ],
])('%s', (text, { permission, target, grant }) => {
  expect(deniedIn(text)).toEqual({
    permission,
    target,
    grant: `"permissions": { "${permission}": ${grant} }`,
  })
})

test('other errors return null', () => {
  expect(deniedIn('TypeError: Requires an argument')).toBeNull()
})
