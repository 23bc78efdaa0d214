// Values of command-line options: numbers within bounds, lists.
import { InvalidArgumentError } from 'commander';

/** Reads a whole number in [min, max]. */
export const wholeNumber =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}.`);
    }
    return value;
  };

/** Reads a number in [min, max]. */
export const numberWithin =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= min && value <= max)) {
      throw new InvalidArgumentError(`expected a number from ${min} to ${max}.`);
    }
    return value;
  };

/** Reads a list with commas between. */
export const commaList = (text: string): string[] => {
  const items = text.split(',').map((item) => item.trim());
  if (items.some((item) => item === '')) throw new InvalidArgumentError('expected items with commas between.');
  return items;
};

/** Reads a list of whole numbers with commas between. */
export const numberList =
  (min: number, max: number) =>
  (text: string): number[] =>
    commaList(text).map(wholeNumber(min, max));

/** Reads an http(s) or ws(s) address of a server and gives it without its path. */
export const serverUrl = (text: string): URL => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^(http|ws)s?:$/.test(url.protocol)) {
    throw new InvalidArgumentError('expected an address such as http://127.0.0.1:8080.');
  }
  return new URL('/', url);
};
