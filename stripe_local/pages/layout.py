"""The frame of every page."""

from html import escape

STYLE = """
:root { color-scheme: light dark; --ink: #1a1f36; --soft: #697386; --line: #d8dee9; --accent: #4f46e5; --paper: #fff;
  --ground: #f6f8fb; --bad: #b3261e; --badground: #fdecea; --good: #0a6c44 }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf2; --soft: #9aa4b8; --line: #333c50; --accent: #8b85ff;
  --paper: #181d2a; --ground: #0f131d; --bad: #ffb4ab; --badground: #442220; --good: #7ddcab } }
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 28rem; margin: 0 auto; padding: 1.5rem 1rem 3rem }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: .75rem; padding: 1.25rem; margin: 1rem 0 }
.mode { font-size: .8rem; color: var(--soft); margin: 0 }
h1 { font-size: 1.25rem; margin: .25rem 0 0 } .total { font-size: 2rem; font-weight: 650; margin: .25rem 0 }
table { width: 100%; border-collapse: collapse } td { padding: .35rem 0; vertical-align: top }
td:last-child { text-align: right; white-space: nowrap; padding-left: 1rem }
label { display: block; font-weight: 600; margin: .75rem 0 .25rem }
input { width: 100%; font: inherit; color: inherit; background: transparent; padding: .65rem .75rem;
  border: 1px solid var(--line); border-radius: .5rem }
button { width: 100%; font: inherit; font-weight: 600; padding: .75rem; margin-top: 1rem; border-radius: .5rem;
  border: 1px solid var(--accent); background: var(--accent); color: #fff; cursor: pointer }
button.second { background: transparent; color: inherit; border-color: var(--line) }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
.row { display: grid; grid-template-columns: 1fr 1fr; gap: .75rem }
.bad { background: var(--badground); color: var(--bad); border-radius: .5rem; padding: .75rem; margin: 1rem 0 }
.good { color: var(--good); font-weight: 600 } a { color: var(--accent) }
code { font-size: .95em; white-space: nowrap } .hint { color: var(--soft); font-size: .9rem }
"""


def page(title: str, body: str) -> str:
    """A whole HTML document; `body` is markup, `title` is text."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f'<p class="mode">Test payments, no real money</p>{body}</main></body></html>'
    )


def notice(title: str, text: str, link: str | None = None) -> str:
    """A page that only says something."""
    way = f'<p><a href="{escape(link)}">Back to the shop</a></p>' if link else ""
    return page(title, f'<div class="card"><h1>{escape(title)}</h1><p>{escape(text)}</p>{way}</div>')
