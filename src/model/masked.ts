declare const masked: unique symbol;

/**
 * Text with its secrets taken out. Only `src/masking` makes one, and the journal, the evidence and GitHub accept
 * nothing else, so storing raw text does not compile.
 */
export type Masked = string & { readonly [masked]: true };
