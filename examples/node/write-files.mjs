// What write-file-atomic does for one file, for several at once: all of them are new, or none is.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

/** A commit that did not take place. `code` is the exit code, `result` what txcommit says. */
export class CommitError extends Error {
  constructor (code, result) {
    super(result?.error?.message ?? `txcommit ended with ${code}`)
    this.code = code
    this.result = result
  }

  /** Somebody has changed a file since it was read: nothing has changed, and reading again may help. */
  get isConflict () { return this.code === 3 }
}

/** Reads a file, and returns with its content the state that it was in, for `expect`. */
export async function readSeen (root, path) {
  try {
    const content = await readFile(join(root, path))
    return { content: content.toString(), expect: { sha256: createHash('sha256').update(content).digest('hex') } }
  } catch (err) {
    if (err.code !== 'ENOENT') throw err
    return { content: undefined, expect: 'absent' }
  }
}

/**
 * Writes files below root, all of them or none; when it resolves, they survive a power loss.
 * @param {string} root
 * @param {Record<string, {content: string, expect?: object|string, format?: 'json', mode?: string}>} files by path
 * @param {{message?: string, bin?: string}} [options]
 * @returns what txcommit has done: id, created, changed, ...
 */
export async function writeFiles (root, files, { message, bin = 'txcommit' } = {}) {
  const ops = Object.entries(files).map(([path, file]) => ({ op: 'write', path, ...file }))
  const child = spawn(bin, ['apply', '--root', root, '--output', 'json', '-'], { stdio: ['pipe', 'pipe', 'ignore'] })
  const closed = once(child, 'close')
  child.stdin.on('error', () => {}) // its exit code tells more than EPIPE
  child.stdin.end(JSON.stringify({ version: 1, message, ops }))
  const [out, [code]] = await Promise.all([text(child.stdout), closed])
  const result = out === '' ? undefined : JSON.parse(out)
  if (code === 7) console.warn(`txcommit: ${result.error.message}`) // the files are in place all the same
  else if (code !== 0) throw new CommitError(code, result)
  return result
}

/** Reads, changes and writes files until nobody has come in between. `change` gets contents by path and returns new ones. */
export async function updateFiles (root, paths, change, options) {
  for (;;) {
    const seen = Object.fromEntries(await Promise.all(paths.map(async (p) => [p, await readSeen(root, p)])))
    const contents = await change(Object.fromEntries(paths.map((p) => [p, seen[p].content])))
    const files = Object.fromEntries(Object.entries(contents).map(([p, content]) => [p, {
      content, expect: seen[p]?.expect, ...(p.endsWith('.json') && { format: 'json' })
    }]))
    try {
      return await writeFiles(root, files, options)
    } catch (err) {
      if (!(err instanceof CommitError && err.isConflict)) throw err
    }
  }
}
