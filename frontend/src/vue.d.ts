export {}

declare module 'vue' {
  /** The heading a cell repeats where a table is drawn as cards (styles/parts.css). */
  interface TdHTMLAttributes {
    'data-h'?: string
  }
}
