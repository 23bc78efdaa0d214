// Bounds of settings in words.

/** Milliseconds of an hour. */
export const HOUR_MS = 3_600_000;
/** Bytes of a gibibyte. */
export const GIB = 1_073_741_824;
