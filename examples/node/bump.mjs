// bump.mjs ROOT: counts the version in package.json and package-lock.json up, and adds a line to CHANGELOG.md.

import { updateFiles } from './write-files.mjs'

const root = process.argv[2] ?? '.'
let version
const done = await updateFiles(root, ['package.json', 'package-lock.json', 'CHANGELOG.md'], (was) => {
  const pkg = JSON.parse(was['package.json'])
  const lock = JSON.parse(was['package-lock.json'])
  const [major, minor] = pkg.version.split('.').map(Number)
  version = pkg.version = lock.version = lock.packages[''].version = `${major}.${minor + 1}.0`
  return {
    'package.json': JSON.stringify(pkg, null, 2) + '\n',
    'package-lock.json': JSON.stringify(lock, null, 2) + '\n',
    'CHANGELOG.md': `- ${version}\n${was['CHANGELOG.md'] ?? ''}`
  }
}, { message: 'bump' })
console.log(`${version}: ${done.created} created, ${done.changed} changed`)
