// The `t` of a test file that shares its process with others: see together.mjs. Loaded once for each file.
export default globalThis[Symbol.for('sotto.test.file')];
