"""Things laid on a table and seen from above: plates and cloth."""

import math
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from shop.sample.drawing.studio import (
    FULL,
    LIGHT,
    SCALE,
    Colour,
    Point,
    darker,
    ellipse,
    faint,
    lighter,
    mask,
    new_dice,
    paint,
    polygon,
    ramp,
    soften,
    solid,
    speckle,
    within,
    without,
)
from shop.sample.drawing.thrown import CLAY, Glaze


def drop_shadow(picture: Image.Image, shape: Image.Image, tone: Colour, *, lift: float = 1) -> None:
    """The shadow of a flat thing, longer the higher it lies."""
    ink = darker(tone, 0.75)
    for reach, blur, opacity in ((46, 40, 0.34), (20, 16, 0.32), (6, 5, 0.36)):
        moved = ImageChops.offset(shape, round(reach * lift * SCALE), round(reach * lift * 1.1 * SCALE))
        paint(picture, ink, soften(moved, blur * lift), opacity)


def _moved(shape: Image.Image, by: float) -> Image.Image:
    return ImageChops.offset(shape, round(by * SCALE), round(by * SCALE))


def draw_plate(
    picture: Image.Image,
    glaze: Glaze,
    *,
    tone: Colour,
    seed: str,
    size: Point = (430, 430),
    well: float = 0.68,
    deep: float = 1.0,
    rings: int = 12,
    bands: Sequence[float] = (),
    at: Point = (600, 600),
) -> None:
    """A plate with the marks of the wheel. `size` is its half axes, `well` a share of it."""
    x, y = at
    wide, high = size
    outer = ellipse(x, y, wide, high)
    drop_shadow(picture, outer, tone, lift=0.8 + 0.4 * deep)
    face = solid(glaze.colour)
    if glaze.second is not None:
        pool = soften(ellipse(x, y, wide * well * 0.9, high * well * 0.9), 50)
        paint(face, glaze.second, pool, 0.85)
    marks = mask()
    draw = ImageDraw.Draw(marks)
    for ring in range(1, rings + 1):
        share = ring / (rings + 1)
        draw.ellipse(_box(x, y, wide * share, high * share), outline=255, width=2 * SCALE)
    paint(face, darker(glaze.colour, 0.5), soften(marks, 2.5), 0.16)
    for share in bands:
        line = mask()
        ImageDraw.Draw(line).ellipse(
            _box(x, y, wide * share, high * share), outline=255, width=round(9 * SCALE)
        )
        paint(face, glaze.rim, soften(line, 2), 0.75)
    speckle(face, darker(glaze.colour, 0.5), glaze.spots, seed)
    _light_plate(face, outer, x, y, wide, high, well, deep, glaze)
    paint(picture, face, outer)


def _box(x: float, y: float, wide: float, high: float) -> tuple[float, float, float, float]:
    return ((x - wide) * SCALE, (y - high) * SCALE, (x + wide) * SCALE, (y + high) * SCALE)


def _light_plate(
    face: Image.Image,
    outer: Image.Image,
    x: float,
    y: float,
    wide: float,
    high: float,
    well: float,
    deep: float,
    glaze: Glaze,
) -> None:
    dark, white = darker(glaze.colour, 0.75), (255, 255, 255)
    inner = ellipse(x, y, wide * well, high * well)
    shoulder = without(ellipse(x, y, wide * (well + 0.07), high * (well + 0.07)), inner)
    paint(face, white, soften(ellipse(x - wide * 0.6, y - high * 0.6, wide * 0.7, high * 0.7), 120), 0.22)
    paint(face, dark, soften(ellipse(x + wide * 0.75, y + high * 0.75, wide * 0.7, high * 0.7), 130), 0.30)
    paint(face, dark, within(soften(without(inner, _moved(inner, 16 * deep)), 12 * deep), inner), 0.42)
    paint(face, white, within(soften(without(inner, _moved(inner, -14 * deep)), 11 * deep), inner), 0.34)
    paint(face, white, within(soften(without(shoulder, _moved(shoulder, 10)), 6), shoulder), 0.15)
    rim = without(outer, ellipse(x, y, wide - 9, high - 9))
    paint(face, glaze.rim, soften(rim, 3), 0.75)
    paint(face, white, soften(within(rim, _moved(faint(outer, 1), -12)), 3), 0.10)
    lit = without(outer, _moved(outer, 7))
    paint(face, white, soften(lit, 4), 0.50)
    paint(face, dark, soften(without(outer, _moved(outer, -8)), 5), 0.35)
    band = without(ellipse(x, y, wide * 0.93, high * 0.93), ellipse(x, y, wide * 0.86, high * 0.86))
    spot = soften(ellipse(x - wide * 0.63, y - high * 0.63, wide * 0.30, high * 0.30), 40)
    paint(face, white, soften(within(band, spot), 8), 0.7 * glaze.gloss)


def weave(colour: Colour, *, seed: int = 1, strength: float = 0.16, waffle: bool = False) -> Image.Image:
    """Cloth: threads of uneven thickness both ways, or the cells of a waffle weave."""
    dice = new_dice(seed)
    threads = FULL // 7
    across, down = Image.new("L", (threads, 1)), Image.new("L", (1, threads))
    for at in range(threads):
        across.putpixel((at, 0), dice.randint(60, 255) if at % 2 else dice.randint(0, 160))
        down.putpixel((0, at), dice.randint(60, 255) if at % 2 else dice.randint(0, 160))
    cloth = solid(colour)
    for line in (across, down):
        grown = line.resize((FULL, FULL), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(0.8))
        paint(cloth, darker(colour, 0.55), grown, strength)
    if waffle:
        cell = Image.new("L", (36, 36), 0)
        for at in range(18):
            ImageDraw.Draw(cell).rectangle((at, at, 35 - at, 35 - at), fill=min(at * 17, 255))
        cells = mask()
        tile = cell.resize((27 * SCALE, 27 * SCALE), Image.Resampling.BICUBIC)
        for left in range(0, FULL, tile.width):
            for top in range(0, FULL, tile.height):
                cells.paste(tile, (left, top))
        paint(cloth, darker(colour, 0.6), cells, 0.34)
        paint(cloth, LIGHT, ImageChops.invert(ImageChops.offset(cells, 5, 5)), 0.14)
    return cloth


def turned(points: Sequence[Point], degrees: float, about: Point = (600, 600)) -> list[Point]:
    """Points turned round a centre."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return [
        (
            about[0] + (x - about[0]) * cosine - (y - about[1]) * sine,
            about[1] + (x - about[0]) * sine + (y - about[1]) * cosine,
        )
        for x, y in points
    ]


def soft_edge(points: Sequence[Point], seed: str, sway: float = 3) -> list[Point]:
    """The outline of a piece of cloth: edges that are not quite straight."""
    dice = new_dice(seed)
    outline = []
    for (x, y), (next_x, next_y) in zip(points, [*points[1:], points[0]], strict=True):
        phase, length = dice.uniform(0, 6.3), math.hypot(next_x - x, next_y - y) or 1
        for step in range(40):
            share = step / 40
            bend = math.sin(share * math.pi) * math.sin(phase + share * 7) * sway
            outline.append(
                (
                    x + (next_x - x) * share - (next_y - y) / length * bend,
                    y + (next_y - y) * share + (next_x - x) / length * bend,
                )
            )
    return outline


def lay_cloth(
    picture: Image.Image,
    corners: Sequence[Point],
    cloth: Image.Image,
    *,
    tone: Colour,
    seed: str,
    degrees: float = 0,
    lift: float = 0.5,
    folds: int = 2,
) -> Image.Image:
    """One layer of cloth; its weave turns with it. Returns its mask."""
    shape = polygon(turned(soft_edge(corners, seed), degrees))
    drop_shadow(picture, shape, tone, lift=lift)
    piece = cloth.rotate(-degrees, resample=Image.Resampling.BICUBIC, fillcolor=cloth.getpixel((5, 5)))
    dice = new_dice(seed)
    for _ in range(folds):
        place, slant = dice.uniform(250, 950), dice.uniform(-160, 160)
        crease = polygon([(place, -50), (place + 46, -50), (place + 46 + slant, 1250), (place + slant, 1250)])
        paint(piece, (40, 32, 28), soften(crease, 30), 0.13)
        paint(piece, (255, 255, 255), soften(ImageChops.offset(crease, -70 * SCALE, 0), 34), 0.15)
    paint(piece, (255, 255, 255), ramp([(100, 0.7), (900, 0)], across=True), 0.16)
    paint(piece, (40, 32, 28), ramp([(400, 0), (1100, 0.7)]), 0.16)
    paint(piece, (255, 255, 255), soften(without(shape, _moved(shape, 5)), 3), 0.35)
    paint(piece, (40, 32, 28), soften(without(shape, _moved(shape, -7)), 5), 0.30)
    paint(picture, piece, shape)
    return shape


def stripe(
    cloth: Image.Image, colour: Colour, places: Sequence[tuple[float, float]], *, down: bool = False
) -> None:
    """Woven bands (place, width) across the cloth, or down it."""
    shape = mask()
    draw = ImageDraw.Draw(shape)
    for place, width in places:
        low, high = (place - width / 2) * SCALE, (place + width / 2) * SCALE
        draw.rectangle((low, 0, high, FULL) if down else (0, low, FULL, high), fill=255)
    paint(cloth, colour, shape, 0.82)


def stitch(picture: Image.Image, corners: Sequence[Point], colour: Colour, degrees: float = 0) -> None:
    """A running stitch along an outline."""
    draw = ImageDraw.Draw(picture)
    points = turned(corners, degrees)
    for (x, y), (next_x, next_y) in zip(points, [*points[1:], points[0]], strict=True):
        count = max(int(math.hypot(next_x - x, next_y - y) / 13), 1)
        for at in range(count):
            start, end = at / count, (at + 0.6) / count
            line = [
                ((x + (next_x - x) * start) * SCALE, (y + (next_y - y) * start) * SCALE),
                ((x + (next_x - x) * end) * SCALE, (y + (next_y - y) * end) * SCALE),
            ]
            draw.line(line, fill=colour, width=2 * SCALE)


def rectangle(x: float, y: float, width: float, height: float) -> list[Point]:
    """Four corners round a centre."""
    return [
        (x - width / 2, y - height / 2),
        (x + width / 2, y - height / 2),
        (x + width / 2, y + height / 2),
        (x - width / 2, y + height / 2),
    ]


def draw_napkins(picture: Image.Image, colour: Colour, *, tone: Colour, seed: str) -> None:
    """Four napkins, folded in quarters and fanned."""
    for at, degrees in enumerate((-13.0, -5.0, 4.0, 12.0)):
        shade = lighter(colour, 0.05 * at)
        corners = rectangle(600, 600, 590, 590)
        lay_cloth(
            picture, corners, weave(shade, seed=at), tone=tone, seed=f"{seed}{at}", degrees=degrees, lift=0.45
        )
        stitch(picture, rectangle(600, 600, 548, 548), lighter(shade, 0.45), degrees)


def draw_towel(picture: Image.Image, colour: Colour, mark: Colour, *, tone: Colour, seed: str) -> None:
    """A tea towel folded in three, with bands and a loop."""
    cloth = weave(colour, seed=4)
    stripe(cloth, mark, [(800, 16), (836, 44), (872, 16), (250, 8), (268, 8)])
    stripe(cloth, mark, [(404, 5), (416, 5)], down=True)
    loop = without(ellipse(810, 170, 30, 52), ellipse(810, 170, 21, 43))
    drop_shadow(picture, loop, tone, lift=0.25)
    paint(picture, darker(mark, 0.1), loop)
    lay_cloth(
        picture,
        rectangle(612, 610, 520, 830),
        darker_cloth(cloth),
        tone=tone,
        seed=seed + "b",
        degrees=-4,
        lift=0.5,
    )
    lay_cloth(picture, rectangle(588, 606, 470, 826), cloth, tone=tone, seed=seed, degrees=-4, lift=0.35)
    stitch(picture, rectangle(588, 606, 446, 802), lighter(colour, 0.5), -4)


def darker_cloth(cloth: Image.Image) -> Image.Image:
    """The layer below, in the shade."""
    return Image.blend(cloth, solid((70, 56, 48)), 0.14)


def draw_runner(picture: Image.Image, colour: Colour, *, tone: Colour, seed: str) -> None:
    """A runner across the table, its ends fringed."""
    dice = new_dice(seed)
    cloth = weave(colour, seed=9, strength=0.2)
    stripe(cloth, lighter(colour, 0.45), [(470, 7), (488, 7), (712, 7), (730, 7)])
    fringe = mask()
    draw = ImageDraw.Draw(fringe)
    for step in range(62):
        y = 412 + step * 6.1
        for end, way in ((190, -1), (1010, 1)):
            points = turned([(end, y), (end + way * dice.uniform(44, 62), y + dice.uniform(-7, 7))], -24)
            draw.line([(a * SCALE, b * SCALE) for a, b in points], fill=255, width=3 * SCALE)
    drop_shadow(picture, fringe, tone, lift=0.2)
    paint(picture, lighter(colour, 0.12), fringe)
    lay_cloth(
        picture, rectangle(600, 600, 830, 390), cloth, tone=tone, seed=seed, degrees=-24, lift=0.35, folds=3
    )


def draw_towels(picture: Image.Image, colour: Colour, *, tone: Colour, seed: str) -> None:
    """A waffle towel folded small on one folded large."""
    corners = rectangle(600, 600, 760, 640)
    cloth = weave(colour, seed=2, strength=0.08, waffle=True)
    lay_cloth(picture, corners, darker_cloth(cloth), tone=tone, seed=seed, degrees=3, lift=0.9, folds=1)
    lay_cloth(
        picture,
        rectangle(600, 590, 748, 620),
        cloth,
        tone=tone,
        seed=seed + "a",
        degrees=3,
        lift=0.4,
        folds=1,
    )
    small = weave(lighter(colour, 0.18), seed=3, strength=0.08, waffle=True)
    lay_cloth(
        picture,
        rectangle(610, 575, 470, 330),
        small,
        tone=tone,
        seed=seed + "b",
        degrees=-7,
        lift=0.6,
        folds=1,
    )
    band = weave(CLAY, seed=8, strength=0.3)
    lay_cloth(
        picture,
        rectangle(610, 575, 64, 342),
        band,
        tone=tone,
        seed=seed + "c",
        degrees=-7,
        lift=0.15,
        folds=0,
    )


def draw_cushion(picture: Image.Image, colour: Colour, *, tone: Colour, seed: str) -> None:
    """A cushion, pinched at its corners."""
    outline = []
    for side in range(4):
        for step in range(60):
            along = step / 60 * 2 - 1
            bow = 352 + 26 * abs(along) ** 2.2
            outline += turned([(600 + along * 372, 600 - bow)], side * 90)
    shape = polygon(outline)
    drop_shadow(picture, shape, tone, lift=1.5)
    cloth = weave(colour, seed=5, strength=0.22)
    stripe(cloth, lighter(colour, 0.5), [(at, 6) for at in (330, 352, 374, 846, 868, 890)])
    stripe(cloth, lighter(colour, 0.3), [(600, 90)])
    stripe(cloth, darker(colour, 0.2), [(600, 54)])
    paint(cloth, (255, 255, 255), soften(ellipse(470, 450, 230, 200), 120), 0.34)
    inside = soften(shape, 60)
    paint(cloth, darker(colour, 0.8), ImageChops.invert(inside), 0.55)
    paint(cloth, darker(colour, 0.8), soften(without(shape, _moved(shape, -60)), 60), 0.35)
    paint(picture, cloth, shape)
