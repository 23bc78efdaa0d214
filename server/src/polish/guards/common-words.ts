/** English words that any two texts have in common. */
export const COMMON: ReadonlySet<string> = new Set(
  (
    'a an the and or but if of in on at to for from with by as is are was were be been am do does did have has had it its this that these those ' +
    'i you he she we they me him her us them my your his our their there here what which who when where how will would can could should may must'
  ).split(' '),
);
