// Writes types that are computed (v.InferOutput of a schema) as what they come to, with their docstrings: declarations
// that need no library, and that an older TypeScript can read.
import ts from 'oldest-typescript';

const INDENT = '  ';

/**
 * The declarations of a module's exported types, and of nothing else: its own are referred to by name, types of other
 * modules of ours are written out.
 */
export function flatTypes(file) {
  const program = ts.createProgram([file], {
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.Node16,
    lib: ['lib.es2023.d.ts'],
    types: [],
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const aliases = source.statements.filter(
    (node) =>
      ts.isTypeAliasDeclaration(node) && node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword),
  );
  // Two names for one type refer to the first. Unions of plain words are told apart by their text, not by identity.
  const names = new Map();
  for (const { name } of aliases) {
    const type = checker.getTypeAtLocation(name);
    if (isNamed(type) && !names.has(type)) names.set(type, name.text);
  }

  const docOf = (symbol, indent) => {
    const text = ts.displayPartsToString(symbol?.getDocumentationComment(checker) ?? []).trim();
    if (text === '') return '';
    const lines = text.split('\n');
    if (lines.length === 1) return `${indent}/** ${text} */\n`;
    return `${indent}/**\n${lines.map((line) => `${indent} * ${line}`.trimEnd()).join('\n')}\n${indent} */\n`;
  };

  const write = (type, indent, self) => {
    const known = names.get(type);
    if (known !== undefined && known !== self) return known;
    if (type.isUnion()) return writeUnion(type, indent, self);
    if (checker.isArrayType(type)) {
      const element = write(checker.getTypeArguments(type)[0], indent, self);
      return element.includes(' | ') ? `(${element})[]` : `${element}[]`;
    }
    if (isPlainObject(type)) {
      const inner = indent + INDENT;
      const fields = checker.getPropertiesOfType(type).map((field) => {
        const isOptional = (field.flags & ts.SymbolFlags.Optional) !== 0;
        const value = write(checker.getTypeOfSymbol(field), inner, self);
        return `${docOf(field, inner)}${inner}${field.name}${isOptional ? '?' : ''}: ${value};\n`;
      });
      return `{\n${fields.join('')}${indent}}`;
    }
    return checker.typeToString(type, undefined, ts.TypeFormatFlags.NoTruncation);
  };

  const writeUnion = (type, indent, self) => {
    const parts = type.types.map((part) => write(part, indent, self));
    // The compiler keeps boolean as its two values, and undefined first.
    const isBoolean = parts.includes('true') && parts.includes('false');
    const rest = parts.filter((part) => part !== 'undefined' && !(isBoolean && /^(?:true|false)$/.test(part)));
    return [...rest, ...(isBoolean ? ['boolean'] : []), ...(parts.includes('undefined') ? ['undefined'] : [])].join(
      ' | ',
    );
  };

  return aliases
    .map(({ name }) => {
      const doc = docOf(checker.getSymbolAtLocation(name), '');
      return `${doc}export type ${name.text} = ${write(checker.getTypeAtLocation(name), '', name.text)};\n`;
    })
    .join('\n');
}

function isNamed(type) {
  return type.isUnion() ? type.types.every(isPlainObject) : isPlainObject(type);
}

/** An object of our own: its properties are to be written out. */
function isPlainObject(type) {
  return (
    (type.flags & ts.TypeFlags.Object) !== 0 && (type.symbol === undefined || type.symbol.escapedName.startsWith('__'))
  );
}
