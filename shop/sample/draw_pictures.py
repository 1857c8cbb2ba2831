"""Draws every picture of the two sample shops: `python -m shop.sample.draw_pictures [name ...]`.

The pictures are committed; run this only after changing how one is drawn. Needs nothing but Pillow.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from shop.sample.drawing import laid, lit, packed
from shop.sample.drawing.studio import Colour, Image, backdrop, finish, table
from shop.sample.drawing.thrown import Form, Glaze, draw_thrown

PICTURES = Path(__file__).parent / "pictures"
QUALITY = 80

SAND: Colour = (224, 206, 184)
SAGE: Colour = (206, 213, 196)
BLUSH: Colour = (230, 209, 199)
MIST: Colour = (205, 212, 217)
OATMEAL: Colour = (222, 212, 194)

GLAZES = {
    "oat": Glaze((238, 227, 207), spots=3600, gloss=0.35, inside=(232, 220, 198)),
    "ink": Glaze((48, 68, 100), second=(88, 118, 150), rim=(150, 116, 94), gloss=0.9),
    "moss": Glaze((112, 128, 88), second=(152, 164, 116), rim=(142, 112, 76), gloss=0.75),
    "rust": Glaze((176, 92, 56), second=(206, 132, 84), rim=(112, 62, 42), gloss=0.7),
    "blush": Glaze((226, 178, 162), spots=1600, rim=(196, 138, 116), gloss=0.45),
    "sage": Glaze((164, 182, 158), second=(190, 204, 182), rim=(150, 126, 98), gloss=0.6),
    "sand": Glaze((214, 190, 156), spots=2400, rim=(168, 126, 90), gloss=0.4),
    "charcoal": Glaze((66, 62, 60), second=(98, 92, 88), rim=(140, 108, 86), gloss=0.5),
    "seconds": Glaze((232, 222, 206), second=(104, 128, 146), spots=2600, gloss=0.6),
    "chalk": Glaze((243, 239, 231), rim=(222, 208, 190), gloss=0.3),
}
CLOTH: dict[str, Colour] = {
    "flax": (222, 206, 178),
    "sage": (166, 180, 154),
    "clay": (190, 124, 94),
    "ink": (76, 94, 122),
    "oat": (234, 224, 206),
}
COFFEE: Colour = (88, 54, 36)
TEA: Colour = (160, 92, 40)
SOUP: Colour = (202, 112, 54)
HANDLE = [(770, 560), (890, 545), (932, 650), (880, 765), (768, 800)]

FORMS: dict[str, tuple[Form, str, Colour]] = {
    "morning-mug": (
        Form(
            [(480, 196), (620, 202), (800, 194), (900, 168)], handle=HANDLE, bare_foot=62, fill=COFFEE, x=570
        ),
        "oat moss ink",
        SAND,
    ),
    "tall-latte-mug": (
        Form(
            [(360, 168), (520, 164), (780, 150), (905, 138)],
            handle=[(740, 480), (868, 462), (900, 590), (846, 740), (725, 770)],
            bare_foot=120,
            fill=(196, 150, 110),
            x=570,
        ),
        "oat rust",
        OATMEAL,
    ),
    "espresso-cup": (
        Form(
            [(620, 150), (720, 152), (830, 134), (900, 100)],
            handle=[(730, 680), (822, 670), (842, 740), (800, 806), (715, 816)],
            handle_width=24,
            view=0.2,
            fill=(70, 42, 28),
            fill_depth=22,
            x=580,
        ),
        "oat ink blush",
        BLUSH,
    ),
    "dawn-tumbler": (
        Form([(440, 168), (640, 160), (820, 146), (905, 134)], bands=(520, 548), bare_foot=40),
        "sage sand",
        MIST,
    ),
    "harbour-mug": (
        Form(
            [(500, 176), (600, 180), (720, 206), (860, 206), (905, 190)],
            handle=[(752, 560), (886, 548), (930, 660), (890, 780), (782, 820)],
            fill=TEA,
            x=570,
        ),
        "ink",
        SAGE,
    ),
    "hearth-soup-mug": (
        Form(
            [(560, 246), (660, 250), (800, 226), (905, 160)],
            handle=[(836, 630), (952, 622), (984, 700), (940, 780), (756, 812)],
            view=0.22,
            fill=SOUP,
            fill_depth=20,
            x=550,
        ),
        "rust oat",
        SAND,
    ),
    "quiet-tea-bowl": (
        Form(
            [(600, 196), (720, 204), (830, 180), (905, 104)], view=0.22, bare_foot=34, fill=TEA, fill_depth=34
        ),
        "moss charcoal",
        OATMEAL,
    ),
    "studio-seconds-cup": (
        Form([(520, 172), (640, 180), (760, 168), (905, 140)], bare_foot=74, bands=(556,)),
        "seconds",
        SAGE,
    ),
    "breakfast-bowl": (
        Form([(600, 286), (720, 272), (840, 206), (905, 124)], view=0.25, bare_foot=36),
        "oat moss ink",
        SAND,
    ),
    "gathering-bowl": (
        Form([(560, 384), (660, 360), (800, 262), (910, 142)], view=0.26, bare_foot=34),
        "oat ink",
        SAGE,
    ),
    "ramen-bowl": (
        Form([(560, 312), (680, 286), (800, 208), (866, 116), (910, 124)], view=0.24, bands=(628, 650)),
        "charcoal rust",
        BLUSH,
    ),
    "dip-dish": (
        Form([(760, 178), (830, 164), (900, 118)], view=0.30, bare_foot=18),
        "sage blush sand",
        OATMEAL,
    ),
    "orchard-fruit-bowl": (
        Form([(560, 372), (640, 344), (740, 220), (790, 78), (840, 84), (910, 168)], view=0.22),
        "oat",
        MIST,
    ),
    "batter-bowl": (
        Form([(520, 316), (560, 300), (700, 280), (830, 222), (910, 158)], view=0.24, bands=(612, 640, 668)),
        "sand",
        SAGE,
    ),
    "bud-vase": (
        Form([(500, 44), (530, 38), (620, 44), (740, 134), (830, 146), (905, 94)], view=0.2),
        "blush sage ink",
        OATMEAL,
    ),
    "long-neck-bottle": (
        Form([(300, 60), (326, 48), (520, 52), (640, 128), (780, 172), (910, 136)], view=0.2, bare_foot=46),
        "oat rust",
        SAGE,
    ),
    "moon-jar": (
        Form(
            [
                (430, 104),
                (456, 100),
                (500, 152),
                (560, 214),
                (630, 251),
                (700, 262),
                (770, 248),
                (840, 204),
                (912, 116),
            ],
            view=0.2,
        ),
        "chalk",
        BLUSH,
    ),
    "shoulder-vase": (
        Form(
            [(400, 92), (424, 82), (478, 164), (560, 208), (760, 168), (910, 118)], view=0.2, bands=(560, 588)
        ),
        "moss charcoal",
        SAND,
    ),
    "column-vase": (
        Form([(360, 128), (400, 124), (700, 132), (910, 136)], view=0.18, bare_foot=150),
        "sand",
        MIST,
    ),
    "gourd-vase": (
        Form(
            [(380, 68), (420, 82), (500, 118), (580, 92), (620, 92), (740, 190), (840, 190), (910, 124)],
            view=0.2,
        ),
        "rust sage",
        OATMEAL,
    ),
    "field-jug": (
        Form(
            [(400, 132), (470, 120), (600, 150), (740, 186), (850, 176), (910, 144)],
            handle=[(706, 430), (830, 420), (868, 540), (820, 670), (722, 730)],
            handle_width=36,
            view=0.2,
            bare_foot=56,
            x=560,
        ),
        "oat ink",
        BLUSH,
    ),
}
STEMS: dict[str, tuple[float, float, str, Colour, float, int]] = {
    "bud-vase": (600, 502, "seed", (190, 158, 112), 330, 2),
    "long-neck-bottle": (600, 302, "leaf", (142, 154, 124), 230, 2),
    "moon-jar": (600, 436, "leaf", (150, 160, 134), 330, 3),
    "shoulder-vase": (600, 404, "seed", (196, 150, 98), 310, 4),
    "column-vase": (600, 366, "leaf", (132, 148, 126), 290, 4),
    "gourd-vase": (600, 384, "seed", (178, 148, 104), 290, 3),
}
PLATES: dict[str, tuple[dict[str, Any], str, Colour]] = {
    "dinner-plate": ({"size": (440, 440)}, "oat ink moss", SAND),
    "side-plate": ({"size": (330, 330), "well": 0.74, "deep": 0.7, "rings": 8}, "oat ink moss", SAGE),
    "pasta-plate": ({"size": (420, 420), "well": 0.58, "deep": 2.2, "rings": 9}, "sand rust", OATMEAL),
    "tea-cake-plate": ({"size": (370, 370), "well": 0.82, "deep": 0.8, "bands": (0.91,)}, "blush", MIST),
    "tide-platter": (
        {"size": (505, 372), "well": 0.84, "deep": 1.2, "rings": 20, "bands": (0.30, 0.48, 0.66)},
        "chalk",
        SAGE,
    ),
    "moon-saucer": ({"size": (300, 300), "well": 0.42, "deep": 0.9, "rings": 6}, "sage charcoal", BLUSH),
}
TEAS: dict[str, tuple[str, str, Colour, Colour, Colour]] = {
    "ember-breakfast": ("Ember Breakfast", "sprig", (140, 58, 44), (214, 158, 76), SAND),
    "smoked-lapsang": ("Smoked Lapsang", "smoke", (62, 60, 62), (204, 122, 70), OATMEAL),
    "bergamot-grey": ("Bergamot Grey", "citrus", (86, 104, 128), (222, 176, 82), MIST),
    "first-flush-darjeeling": ("First Flush", "hills", (186, 140, 62), (150, 92, 50), SAND),
    "jade-sencha": ("Jade Sencha", "sprig", (84, 124, 92), (160, 176, 92), SAGE),
    "toasted-genmaicha": ("Toasted Genmaicha", "grain", (142, 138, 88), (208, 166, 96), OATMEAL),
    "courtyard-mint": ("Courtyard Mint", "mint", (44, 106, 98), (112, 168, 130), SAGE),
    "silver-needle": ("Silver Needle", "sprig", (196, 196, 184), (142, 158, 140), MIST),
    "amber-oolong": ("Amber Oolong", "hills", (188, 104, 48), (232, 182, 104), BLUSH),
    "orange-rooibos": ("Orange Rooibos", "citrus", (166, 70, 52), (228, 138, 60), BLUSH),
    "chamomile-meadow": ("Chamomile Meadow", "flower", (226, 196, 122), (228, 168, 62), OATMEAL),
    "lemon-ginger": ("Lemon Ginger", "citrus", (214, 164, 62), (236, 196, 80), SAND),
}

Draw = Callable[[Image.Image, str, Colour], None]  # picture, which colour, tone of the room


def _candle(picture: Image.Image, glaze: str, tone: Colour) -> None:
    lit.draw_container_candle(picture, GLAZES[glaze], tone=tone, seed="candle")


def _tapers(picture: Image.Image, _: str, tone: Colour) -> None:
    lit.draw_tapers(picture, (226, 178, 92), tone=tone, seed="tapers")


def _pillar(picture: Image.Image, _: str, tone: Colour) -> None:
    lit.draw_pillar(picture, tone=tone, seed="pillar")


def _tealight(picture: Image.Image, glaze: str, tone: Colour) -> None:
    lit.draw_tealight(picture, GLAZES[glaze], tone=tone, seed="tealight")


def _napkins(picture: Image.Image, cloth: str, tone: Colour) -> None:
    laid.draw_napkins(picture, CLOTH[cloth], tone=tone, seed="napkins")


def _towel(picture: Image.Image, cloth: str, tone: Colour) -> None:
    laid.draw_towel(picture, CLOTH["oat"], CLOTH[cloth], tone=tone, seed="towel")


def _runner(picture: Image.Image, cloth: str, tone: Colour) -> None:
    laid.draw_runner(picture, CLOTH[cloth], tone=tone, seed="runner")


def _towels(picture: Image.Image, cloth: str, tone: Colour) -> None:
    laid.draw_towels(picture, CLOTH[cloth], tone=tone, seed="towels")


def _cushion(picture: Image.Image, cloth: str, tone: Colour) -> None:
    laid.draw_cushion(picture, CLOTH[cloth], tone=tone, seed="cushion")


ZOOM = {
    "dip-dish": (1.6, 780),
    "espresso-cup": (1.4, 720),
    "quiet-tea-bowl": (1.4, 710),
    "little-light": (1.4, 700),
}
STANDING: dict[str, tuple[Draw, str, Colour]] = {
    "fireside-candle": (_candle, "charcoal sage", SAND),
    "beeswax-tapers": (_tapers, "", OATMEAL),
    "quiet-hour-pillar": (_pillar, "", BLUSH),
    "little-light": (_tealight, "oat rust ink", SAGE),
}
LYING: dict[str, tuple[Draw, str, Colour]] = {
    "long-table-napkins": (_napkins, "flax sage clay", OATMEAL),
    "striped-tea-towel": (_towel, "ink clay", SAND),
    "sunday-table-runner": (_runner, "flax clay", MIST),
    "window-seat-cushion": (_cushion, "sage clay ink", OATMEAL),
    "waffle-towel": (_towels, "oat sage", SAGE),
}


def pictures() -> dict[str, tuple[str, str]]:
    """Every picture's name, and the (handle, colour) it shows. One colour only needs no name of its own."""
    names: dict[str, tuple[str, str]] = {}
    for wares in (FORMS, PLATES, STANDING, LYING):
        for handle, (_, colours, _) in wares.items():
            several = colours.split()
            for colour in several or [""]:
                names[f"{handle}-{colour}" if len(several) > 1 else handle] = (handle, colour)
    for handle in TEAS:
        for pack in ("tin", "pouch"):
            names[f"{handle}-{pack}"] = (handle, pack)
    return names


def draw(name: str) -> str:
    """Draw one picture and write it."""
    handle, colour = pictures()[name]
    picture = _paint_tea(handle, colour) if handle in TEAS else _paint_ware(handle, colour, name)
    zoom, middle = ZOOM.get(handle, (1, 600))
    finish(picture, zoom=zoom, middle=middle).save(PICTURES / f"{name}.webp", quality=QUALITY, method=6)
    return name


def _paint_tea(handle: str, pack: str) -> Image.Image:
    label, sign, colour, accent, tone = TEAS[handle]
    picture = backdrop(tone)
    paint_pack = packed.draw_tin if pack == "tin" else packed.draw_pouch
    paint_pack(picture, colour, accent, label, sign, tone=tone)
    return picture


def _paint_ware(handle: str, colour: str, name: str) -> Image.Image:
    if handle in PLATES:
        facts, _, tone = PLATES[handle]
        picture = table(tone)
        laid.draw_plate(picture, GLAZES[colour], tone=tone, seed=name, **facts)
    elif handle in FORMS:
        form, _, tone = FORMS[handle]
        picture = backdrop(tone)
        draw_thrown(picture, form, GLAZES[colour], tone=tone, seed=name)
        if handle in STEMS:
            x, y, kind, stem, reach, count = STEMS[handle]
            lit.draw_stems(picture, x, y, seed=handle, colour=stem, reach=reach, count=count, kind=kind)
    else:
        paint_it, _, tone = STANDING.get(handle) or LYING[handle]
        picture = backdrop(tone) if handle in STANDING else table(tone)
        paint_it(picture, colour, tone)
    return picture


def main(names: list[str]) -> None:
    """Draw these, or all, and say what they weigh."""
    PICTURES.mkdir(exist_ok=True)
    with ProcessPoolExecutor() as workers:
        for name in workers.map(draw, names or list(pictures())):
            size = (PICTURES / f"{name}.webp").stat().st_size
            sys.stdout.write(f"{name} {size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main(sys.argv[1:])
