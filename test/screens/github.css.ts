// How a rendered page looks in our pictures: like GitHub's, and written for them.

export const GITHUB_CSS = `
* { box-sizing: border-box; }
body { margin: 0; color: #1f2328; background: #fff; font: 16px/1.5 system-ui, "Noto Sans", Helvetica, Arial, sans-serif; }
.markdown-body { max-width: 1012px; margin: 0 auto; padding: 28px 32px; overflow-wrap: break-word; }
h1, h2 { border-bottom: 1px solid #d1d9e0b3; padding-bottom: .3em; }
h1 { font-size: 2em; margin: .3em 0 16px; } h2 { font-size: 1.5em; margin: 24px 0 16px; } h3 { font-size: 1.2em; margin: 24px 0 12px; }
h1, h2, h3 { line-height: 1.25; font-weight: 600; }
p, table, pre, ul, details { margin: 0 0 16px; }
a { color: #0969da; text-decoration: none; }
table { display: block; width: max-content; max-width: 100%; overflow: auto; border-spacing: 0; border-collapse: collapse; font-variant: tabular-nums; }
th, td { padding: 6px 13px; border: 1px solid #d1d9e0; } tr:nth-child(2n) td { background: #f6f8fa; } th { font-weight: 600; }
code { padding: .2em .4em; font: 85% ui-monospace, "Liberation Mono", Menlo, monospace; background: #818b981f; border-radius: 6px; white-space: break-spaces; }
pre { padding: 16px; overflow: auto; font-size: 85%; line-height: 1.45; background: #f6f8fa; border-radius: 6px; }
pre code { padding: 0; background: none; font-size: 100%; white-space: pre; }
summary { cursor: pointer; }
.mermaid { margin: 0 0 16px; text-align: center; overflow: hidden; } .mermaid svg { max-width: 100%; height: auto; }
@media (max-width: 600px) { .markdown-body { padding: 16px; } }
`;
