/**
 * Checks a build: the first load of the overview stays small, and no chunk imports the entry.
 *
 * Sizes are of compressed JavaScript (gzip, level 9), counted along static imports from the entry, the overview's own
 * chunk and one language. Django serves the entry under a second name (its manifest storage), so a chunk that imported
 * the entry by its first name would run the application twice.
 */
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const LIMIT_KB = 200
const DIST = new URL('../dist/', import.meta.url)
const ENTRY = 'src/main.ts'
const FIRST_PAGE = ['src/app/overview/views/OverviewView.vue']
const LANGUAGES = ['src/locales/en.json', 'src/locales/zh-Hans.json']

const manifest = JSON.parse(readFileSync(new URL('manifest.json', DIST), 'utf8'))

/** Keys of the chunks that are read when these are asked for. */
function needed(keys, found = new Set()) {
  for (const key of keys) {
    if (found.has(key)) continue
    if (!manifest[key]) throw new Error(`dist/manifest.json does not name ${key}: was it renamed?`)
    found.add(key)
    needed(manifest[key].imports ?? [], found)
  }
  return found
}

const kb = (key) => gzipSync(readFileSync(new URL(manifest[key].file, DIST)), { level: 9 }).length / 1024
const chunks = [...needed([ENTRY, ...FIRST_PAGE])]
const largest = Math.max(...LANGUAGES.map(kb))
const total = chunks.reduce((sum, key) => sum + kb(key), largest)

for (const key of chunks) console.log(`${kb(key).toFixed(1).padStart(8)} kB  ${manifest[key].file}`)
console.log(`${largest.toFixed(1).padStart(8)} kB  the larger language`)
console.log(`${total.toFixed(1).padStart(8)} kB  first load of the overview, limit ${LIMIT_KB} kB`)

const importers = Object.values(manifest).filter((chunk) => chunk.imports?.includes(ENTRY))
if (importers.length)
  throw new Error(`These chunks import the entry and would run it twice: ${importers.map((chunk) => chunk.file).join(', ')}`)
if (total > LIMIT_KB) throw new Error('The first load of the overview is over its limit.')
