// Simplified and traditional characters, by the dictionaries of OpenCC.

export type ChineseScript = 'simplified' | 'traditional';

type Convert = (text: string) => string;

const converters = new Map<string, Promise<Convert>>();

/**
 * The text in a script; the dictionaries (1 MB for traditional) are read at first use. Text that is in it already stays
 * as it is. Traditional is as Taiwan writes it (為什麼, 裡面, 麵); OpenCC's own has forms that nobody writes (爲, 裏, 麪).
 */
export async function inScript(text: string, script: ChineseScript | undefined): Promise<string> {
  if (script === undefined || !/\p{Script=Han}/u.test(text)) return text;
  let converter = converters.get(script);
  if (converter === undefined) {
    converter = script === 'traditional' ? toTraditional() : toSimplified();
    converters.set(script, converter);
  }
  return (await converter)(text);
}

async function toTraditional(): Promise<Convert> {
  const { Converter } = await import('opencc-js/cn2t');
  return Converter({ from: 'cn', to: 'tw' });
}

async function toSimplified(): Promise<Convert> {
  const { Converter } = await import('opencc-js/t2cn');
  return Converter({ from: 't', to: 'cn' });
}
