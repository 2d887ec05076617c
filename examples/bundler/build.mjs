// Bundles the site into the folder that txcommit run has made, or else into dist/.

import { build } from 'esbuild'
import { readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'

const outdir = process.env.TXCOMMIT_STAGE ?? 'dist'

// The names carry a hash of the content: pages and assets of two builds must not be mixed.
const { metafile } = await build({
  entryPoints: ['src/app.js', 'src/style.css'],
  entryNames: '[name]-[hash]',
  bundle: true,
  minify: true,
  metafile: true,
  outdir
})
const page = await readFile('src/index.html', 'utf8')
const names = Object.fromEntries(Object.entries(metafile.outputs).map(([path, output]) => [output.entryPoint, basename(path)]))
await writeFile(join(outdir, 'index.html'), page.replace(/src\/[\w.]+/g, (source) => names[source]))
