"""Tea as it is sold: a tin with a lid, or a pouch that stands; both with a label."""

import math
from collections.abc import Callable

from PIL import ImageChops, ImageDraw, ImageFont

from shop.sample.drawing.lit import leaf
from shop.sample.drawing.studio import (
    SCALE,
    Colour,
    Image,
    Point,
    box,
    cast_shadow,
    darker,
    lighter,
    mask,
    paint,
    polygon,
    ramp,
    scaled,
    soften,
    solid,
    within,
)
from shop.sample.drawing.thrown import Form, Glaze, draw_thrown

PAPER: Colour = (249, 242, 228)


def draw_tin(
    picture: Image.Image, colour: Colour, accent: Colour, name: str, sign: str, *, tone: Colour
) -> None:
    """A round tin with a lid of the accent colour."""
    body = Form([(420, 190), (440, 190), (900, 190), (915, 188)], view=0.15, is_closed=True)
    draw_thrown(picture, body, Glaze(colour, rim=darker(colour, 0.3), gloss=0.8), tone=tone, seed=name)
    _label(picture, (600, 682), 250, 330, colour, accent, name, sign)
    lid = Form([(318, 196), (330, 198), (424, 198), (430, 197)], view=0.15, wall=5)
    _lid(picture, lid, accent, name)


def _lid(picture: Image.Image, form: Form, colour: Colour, seed: str) -> None:
    before = picture.copy()
    draw_thrown(
        picture, form, Glaze(colour, rim=lighter(colour, 0.3), gloss=0.9), tone=(60, 50, 44), seed=seed
    )
    left, right = form.x - 199, form.x + 199  # keep the lid, and its shadow on the tin alone
    keep = polygon([(left, 250), (right, 250), (right, 431), (left, 431)])
    under = [(left + 9, 431), (right - 9, 431), (right - 9, 470), (left + 9, 470)]
    picture.paste(Image.composite(picture, before, ImageChops.lighter(keep, polygon(under))))
    y = form.top[0]
    top = mask()
    ImageDraw.Draw(top).ellipse(box(form.x, y, 196, 196 * form.view), fill=255)
    paint(picture, lighter(colour, 0.16), top)
    paint(picture, (255, 255, 255), within(top, ramp([(380, 0.6), (760, 0)], across=True)), 0.5)
    inner = mask()
    ImageDraw.Draw(inner).ellipse(box(form.x, y + 1, 178, 178 * form.view), outline=255, width=3 * SCALE)
    paint(picture, darker(colour, 0.4), inner, 0.45)
    seam = mask()
    points = [
        (form.x + 191 * math.cos(a / 40 * math.pi), 434 + 190 * form.view * math.sin(a / 40 * math.pi))
        for a in range(41)
    ]
    ImageDraw.Draw(seam).line(scaled(points), fill=255, width=6 * SCALE)
    tin = polygon([(form.x - 190, 400), (form.x + 190, 400), (form.x + 190, 600), (form.x - 190, 600)])
    paint(picture, (30, 24, 22), within(soften(seam, 5), tin), 0.45)


def draw_pouch(
    picture: Image.Image, colour: Colour, accent: Colour, name: str, sign: str, *, tone: Colour
) -> None:
    """A paper pouch with a seal across its top."""
    outline: list[Point] = [(408, 262), (792, 262), (796, 330)]
    outline += [
        (796 + 22 * math.sin(step / 20 * math.pi * 0.62), 330 + 590 * step / 20) for step in range(21)
    ]
    outline += [(796 - 398 * step / 20, 920 + 20 * math.sin(step / 20 * math.pi)) for step in range(21)]
    outline += [
        (404 - 22 * math.sin((1 - step / 20) * math.pi * 0.62), 920 - 590 * step / 20) for step in range(21)
    ]
    shape = polygon(outline)
    cast_shadow(picture, tone, 600, 918, 205, height=560)
    front = solid(colour)
    paint(front, (255, 255, 255), ramp([(380, 0.0), (470, 0.9), (560, 0.1), (620, 0)], across=True), 0.20)
    paint(front, darker(colour, 0.9), ramp([(620, 0), (830, 0.9)], across=True), 0.38)
    paint(front, darker(colour, 0.9), ramp([(376, 0.8), (440, 0)], across=True), 0.22)
    for corner in (-1, 1):
        gusset = polygon([(600 + corner * 235, 950), (600 + corner * 150, 950), (600 + corner * 215, 800)])
        paint(front, darker(colour, 0.8), soften(gusset, 12), 0.35)
    for at, y in enumerate((272, 284, 296, 308)):
        crimp = polygon([(300, y), (900, y), (900, y + 4), (300, y + 4)])
        paint(front, darker(colour, 0.5) if at % 2 else lighter(colour, 0.3), crimp, 0.35)
    paint(front, accent, polygon([(300, 344), (900, 344), (900, 372), (300, 372)]), 0.9)
    paint(
        front, darker(colour, 0.8), soften(polygon([(300, 320), (900, 320), (900, 330), (300, 330)]), 5), 0.5
    )
    paint(picture, front, shape)
    _label(picture, (600, 640), 268, 340, colour, accent, name, sign)


def _label(
    picture: Image.Image,
    at: Point,
    width: float,
    height: float,
    colour: Colour,
    accent: Colour,
    name: str,
    sign: str,
) -> None:
    x, y = at
    shape = mask()
    edges = (*scaled([(x - width / 2, y - height / 2)])[0], *scaled([(x + width / 2, y + height / 2)])[0])
    ImageDraw.Draw(shape).rounded_rectangle(edges, radius=14 * SCALE, fill=255)
    paper = solid(PAPER)
    paint(paper, darker(PAPER, 0.6), ramp([(x - 20, 0), (x + width * 0.75, 0.7)], across=True), 0.5)
    paint(picture, paper, shape)
    draw = ImageDraw.Draw(picture)
    inset = (
        *scaled([(x - width / 2 + 11, y - height / 2 + 11)])[0],
        *scaled([(x + width / 2 - 11, y + height / 2 - 11)])[0],
    )
    draw.rounded_rectangle(inset, radius=8 * SCALE, outline=accent, width=3 * SCALE)
    ink = darker(colour, 0.45)
    SIGNS[sign](picture, (x, y - 62), accent, ink)
    words = name.upper().split()
    size = min(31, 200 / max(len(word) for word in words) * 1.28)
    for line, word in enumerate(words):
        _spaced(draw, word, (x, y + 48 + line * (size + 9)), size, ink)
    _spaced(draw, "EMBER & LEAF", (x, y + height / 2 - 34), 13, darker(accent, 0.2))


def _spaced(draw: ImageDraw.ImageDraw, text: str, at: Point, size: float, colour: Colour) -> None:
    """A line of capitals, centred, the letters apart."""
    font = ImageFont.load_default(size * SCALE)
    gap = size * 0.10 * SCALE
    width = sum(draw.textlength(letter, font=font) + gap for letter in text) - gap
    left = at[0] * SCALE - width / 2
    for letter in text:
        draw.text((left, at[1] * SCALE), letter, font=font, fill=colour, anchor="lm")
        left += draw.textlength(letter, font=font) + gap


def _sprig(picture: Image.Image, at: Point, accent: Colour, ink: Colour) -> None:
    draw = ImageDraw.Draw(picture)
    x, y = at
    draw.line(scaled([(x, y + 62), (x, y - 10)]), fill=ink, width=3 * SCALE)
    for turn, size, colour in ((-1.57, 78, accent), (-2.5, 66, ink), (-0.64, 66, ink)):
        draw.polygon(scaled(leaf(x, y + 10, turn, size, 0.5)), fill=colour)


def _mint(picture: Image.Image, at: Point, accent: Colour, ink: Colour) -> None:
    draw = ImageDraw.Draw(picture)
    x, y = at
    for level in range(3):
        for side in (-1, 1):
            turn = -1.57 + side * (1.1 - level * 0.25)
            draw.polygon(
                scaled(leaf(x, y + 48 - level * 36, turn, 60 - level * 9, 0.62)),
                fill=accent if level % 2 else ink,
            )
    draw.line(scaled([(x, y + 66), (x, y - 40)]), fill=darker(ink, 0.3), width=3 * SCALE)


def _citrus(picture: Image.Image, at: Point, accent: Colour, ink: Colour) -> None:
    draw = ImageDraw.Draw(picture)
    x, y = at
    draw.ellipse(box(x, y, 60, 60), fill=accent)
    draw.ellipse(box(x, y, 52, 52), fill=PAPER)
    for step in range(8):
        start = step * 45 + 4
        draw.pieslice(box(x, y, 47, 47), start, start + 37, fill=accent)
    draw.ellipse(box(x, y, 6, 6), fill=PAPER)
    draw.polygon(scaled(leaf(x + 36, y - 48, -0.5, 44, 0.5)), fill=ink)


def _flower(picture: Image.Image, at: Point, accent: Colour, ink: Colour) -> None:
    draw = ImageDraw.Draw(picture)
    x, y = at
    draw.line(scaled([(x, y), (x, y + 74)]), fill=ink, width=3 * SCALE)
    draw.polygon(scaled(leaf(x, y + 66, -0.7, 40, 0.4)), fill=ink)
    for step in range(12):
        turn = step / 12 * 2 * math.pi
        petal = leaf(x + 12 * math.cos(turn), y - 12 + 12 * math.sin(turn), turn, 40, 0.42)
        draw.polygon(scaled(petal), fill=lighter(accent, 0.15 + 0.3 * (step % 2)))
    draw.ellipse(box(x, y - 12, 17, 17), fill=darker(accent, 0.25))


def _hills(picture: Image.Image, at: Point, accent: Colour, ink: Colour) -> None:
    draw = ImageDraw.Draw(picture)
    x, y = at
    draw.ellipse(box(x + 22, y - 24, 24, 24), fill=accent)
    draw.polygon(scaled([(x - 92, y + 52), (x - 28, y - 44), (x + 32, y + 52)]), fill=ink)
    draw.polygon(scaled([(x - 20, y + 52), (x + 36, y - 6), (x + 92, y + 52)]), fill=lighter(ink, 0.35))


def _smoke(picture: Image.Image, at: Point, accent: Colour, ink: Colour) -> None:
    draw = ImageDraw.Draw(picture)
    x, y = at
    for offset, colour in ((-30, ink), (0, accent), (30, ink)):
        line = [(x + offset + 13 * math.sin(step / 6), y + 58 - step * 3) for step in range(36)]
        draw.line(scaled(line), fill=colour, width=7 * SCALE, joint="curve")


def _grain(picture: Image.Image, at: Point, accent: Colour, ink: Colour) -> None:
    draw = ImageDraw.Draw(picture)
    x, y = at
    draw.line(scaled([(x, y + 66), (x, y - 40)]), fill=ink, width=3 * SCALE)
    for level in range(5):
        for side in (-1, 1):
            draw.polygon(scaled(leaf(x, y + 34 - level * 20, -1.57 + side * 0.62, 36, 0.46)), fill=accent)
    draw.polygon(scaled(leaf(x, y - 36, -1.57, 36, 0.46)), fill=accent)


SIGNS: dict[str, Callable[[Image.Image, Point, Colour, Colour], None]] = {
    "sprig": _sprig,
    "mint": _mint,
    "citrus": _citrus,
    "flower": _flower,
    "hills": _hills,
    "smoke": _smoke,
    "grain": _grain,
}
