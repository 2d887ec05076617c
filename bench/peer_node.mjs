// Writes files by one of two packages from npm. Each line of standard input is a request, each gets a line as its answer.
import { readFileSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'

const module = await import(process.argv[2])
const writeFile = module.writeFile ?? module.default
const loaded = new Map()

const ops = {
  load({ dir, root, files }) {
    for (const d of new Set(files.map((f) => dirname(join(root, f))))) mkdirSync(d, { recursive: true })
    loaded.set(dir, files.map((f) => [join(root, f), readFileSync(join(dir, f))]))
  },
  async publish({ dir }) {
    await Promise.all(loaded.get(dir).map(([path, data]) => writeFile(path, data)))
    loaded.delete(dir)
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  let error
  try {
    await ops[request.op](request)
  } catch (e) {
    error = e.stack
  }
  const { user, system } = process.cpuUsage()
  process.stdout.write(JSON.stringify({ error, micros: user + system }) + '\n')
}
