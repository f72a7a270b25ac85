// How the scripts speak with the test: settings as argument, one JSON line each way.
import { createInterface } from 'node:readline/promises'

export const settings = JSON.parse(process.argv[2])
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

export function say(value) {
  process.stdout.write(JSON.stringify(value) + '\n')
}

export async function hear() {
  return (await lines.next()).value
}

export async function attempt(name, action) {
  try {
    await action()
    return { [name]: 'accepted' }
  } catch (error) {
    return { [name]: error.error ?? error.cause?.error ?? error.code ?? String(error) }
  }
}
