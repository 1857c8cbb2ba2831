"""One test for each rule of the Shopify import; pure, no database."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.imports.shopify_csv import (
    ImportProblem,
    ParsedImage,
    ParsedProduct,
    RejectedProduct,
    UnreadableExport,
    parse_products,
)

HEADER = [
    *("Handle", "Title", "Body (HTML)", "Vendor", "Type", "Tags", "Published", "Status", "Gift Card"),
    *("Option1 Name", "Option1 Value", "Option2 Name", "Option2 Value"),
    *("Variant SKU", "Variant Grams", "Variant Barcode", "Variant Price", "Variant Compare At Price"),
    *("Variant Inventory Tracker", "Variant Inventory Qty", "Variant Inventory Policy"),
    *("Image Src", "Image Position", "Image Alt Text", "Variant Image"),
]
MUG = {
    "Handle": "mug",
    "Title": "Mug",
    "Option1 Name": "Title",
    "Option1 Value": "Default Title",
    "Variant Price": "28.00",
}
ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "data" / "shopify"


def export(*rows: dict[str, str], header: list[str] = HEADER, line_end: str = "\r\n") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header, lineterminator=line_end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def parse(*rows: dict[str, str], decimals: int = 2) -> list[ParsedProduct | RejectedProduct]:
    return list(parse_products(export(*rows), decimals=decimals))


def product(*rows: dict[str, str], decimals: int = 2) -> ParsedProduct:
    (only,) = parse(*rows, decimals=decimals)
    assert isinstance(only, ParsedProduct), only
    return only


def mug(**changes: str) -> dict[str, str]:
    return MUG | {name.replace("_", " "): value for name, value in changes.items()}


def problems(*rows: dict[str, str], decimals: int = 2) -> list[ImportProblem]:
    return [
        problem
        for parsed in parse(*rows, decimals=decimals)
        if isinstance(parsed, RejectedProduct)
        for problem in parsed.problems
    ]


def sized(size: str, **changes: str) -> dict[str, str]:
    """The first row of a mug in sizes."""
    return mug(Option1_Name="Size", Option1_Value=size, **changes)


def another(size: str, **changes: str) -> dict[str, str]:
    """A further variant row of it."""
    names = {name.replace("_", " "): value for name, value in changes.items()}
    return {"Handle": "mug", "Option1 Value": size, "Variant Price": "30"} | names


def refusal(data: bytes) -> str:
    with pytest.raises(UnreadableExport) as refused:
        parse_products(data, decimals=2)
    return str(refused.value)


# What a product becomes


def test_first_row_carries_the_product() -> None:
    row = mug(Vendor="Kiln", Type="Mugs", Tags="Stoneware, mug ,,MUG", Published="TRUE")
    row["Body (HTML)"] = "<p>Wheel-thrown.</p>\n<script>x</script>"

    parsed = product(row)

    assert (parsed.handle, parsed.title, parsed.vendor, parsed.product_type) == ("mug", "Mug", "Kiln", "Mugs")
    assert parsed.tags == ("Stoneware", "mug")
    assert parsed.description_html == "<p>Wheel-thrown.</p>\n<script>x</script>"
    assert parsed.is_published
    assert parsed.first_line == 2


def test_title_default_title_means_no_options() -> None:
    parsed = product(MUG)

    assert parsed.option_names == ()
    assert [variant.option_values for variant in parsed.variants] == [()]


def test_an_option_that_is_really_called_title_is_an_option() -> None:
    parsed = product(mug(Option1_Value="Dune"), another("Emma"))

    assert parsed.option_names == ("Title",)
    assert [variant.option_values for variant in parsed.variants] == [("Dune",), ("Emma",)]


def test_variant_rows_carry_every_fact_of_a_variant() -> None:
    first = sized(
        "S",
        Option2_Name="Glaze",
        Option2_Value="Moss",
        Variant_SKU="MUG-S",
        Variant_Grams="320",
        Variant_Inventory_Tracker="shopify",
        Variant_Inventory_Qty="7",
        Variant_Inventory_Policy="deny",
        Variant_Price="28.5",
        Variant_Compare_At_Price="32",
        Variant_Barcode="4006381333931",
        Variant_Image="https://example.com/s.jpg",
    )

    variants = product(first, another("S", Option2_Value="Ink")).variants

    assert variants[0].option_values == ("S", "Moss")
    assert variants[1].option_values == ("S", "Ink")
    assert (variants[0].sku, variants[0].barcode) == ("MUG-S", "4006381333931")
    assert (variants[0].price_minor, variants[0].compare_at_price_minor) == (2850, 3200)
    assert (variants[0].weight_grams, variants[0].stock, variants[0].tracks_stock) == (320, 7, True)
    assert variants[0].image_url == "https://example.com/s.jpg"
    assert (variants[1].sku, variants[1].image_url, variants[1].line) == ("", None, 3)


def test_rows_of_a_product_need_not_stand_together() -> None:
    bowl = mug(Handle="bowl", Title="Bowl")

    mug_, bowl_ = sorted(parse(sized("S"), bowl, another("M")), key=lambda one: one.handle, reverse=True)

    assert isinstance(mug_, ParsedProduct)
    assert isinstance(bowl_, ParsedProduct)
    assert [variant.line for variant in mug_.variants] == [2, 4]
    assert bowl_.first_line == 3


def test_a_product_comes_as_soon_as_its_last_row_is_read() -> None:
    stream = parse_products(export(MUG, *(mug(Handle=f"mug-{n}") for n in range(3))), decimals=2)

    assert next(stream).handle == "mug"


def test_image_only_rows_are_images_in_order_of_position() -> None:
    parsed = product(
        mug(Image_Src="https://example.com/b.jpg", Image_Position="2", Image_Alt_Text="Side"),
        {"Handle": "mug", "Image Src": "https://example.com/a.jpg", "Image Position": "1"},
        {"Handle": "mug", "Image Src": "sample:mug-moss.webp"},
    )

    assert parsed.images == (
        ParsedImage(url="https://example.com/a.jpg", position=1, alt="", line=3),
        ParsedImage(url="https://example.com/b.jpg", position=2, alt="Side", line=2),
        ParsedImage(url="sample:mug-moss.webp", position=3, alt="", line=4),
    )
    assert len(parsed.variants) == 1


def test_an_image_given_twice_is_one_image() -> None:
    again = {"Handle": "mug", "Image Src": "https://example.com/a.jpg", "Image Position": "2"}

    assert len(product(mug(Image_Src="https://example.com/a.jpg"), again).images) == 1


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "file:///etc/passwd", "sample:../../x.webp", "a.jpg"]
)
def test_an_image_that_is_not_a_web_address_is_a_problem(address: str) -> None:
    assert [problem.column for problem in problems(mug(Image_Src=address))] == ["Image Src"]
    assert [problem.column for problem in problems(mug(Variant_Image=address))] == ["Variant Image"]


@pytest.mark.parametrize(
    ("published", "status", "expected"),
    [
        ("true", "active", True),
        ("", "", True),
        ("FALSE", "active", False),
        ("true", "Draft", False),
        ("true", "archived", False),
    ],
)
def test_only_active_and_published_products_are_published(
    published: str, status: str, expected: bool
) -> None:
    assert product(mug(Published=published, Status=status)).is_published is expected


def test_an_unknown_status_is_a_problem() -> None:
    assert problems(mug(Status="sleeping"))[0].column == "Status"


def test_gift_cards_are_refused() -> None:
    assert problems(mug(Gift_Card="true"))[0].column == "Gift Card"
    assert product(mug(Gift_Card="false"))


# Prices


@pytest.mark.parametrize(
    ("text", "decimals", "minor"),
    [
        ("28", 2, 2800),
        ("0.10", 2, 10),
        ("19.9", 2, 1990),
        ("19.990", 2, 1999),
        ("1200", 0, 1200),
        ("1200.00", 0, 1200),
        ("1.234", 3, 1234),
        ("0", 2, 0),
        (" 5.00 ", 2, 500),
        ("99999999.99", 2, 9999999999),
    ],
)
def test_prices_are_exact_minor_units(text: str, decimals: int, minor: int) -> None:
    assert product(mug(Variant_Price=text), decimals=decimals).variants[0].price_minor == minor


@pytest.mark.parametrize(
    "text",
    [
        "1,299.00",
        "12.345",
        "-1",
        "1e5",
        "NaN",
        "Infinity",
        "",
        "€5",
        "5 EUR",
        ".5",
        "5.",
        "+5",
        "0x10",
        "1_000",
        "٣",
        "９",
        "9" * 15,
    ],
)
def test_a_price_that_is_not_exact_is_a_problem_with_line_and_column(text: str) -> None:
    (problem,) = problems(mug(Variant_Price=text))

    assert (problem.line, problem.column, problem.handle) == (2, "Variant Price", "mug")
    assert problem.value == text


def test_a_price_with_decimals_in_a_currency_without_is_a_problem() -> None:
    assert (
        problems(mug(Variant_Price="12.50"), decimals=0)[0].message == "has decimals, its currency has none"
    )


@pytest.mark.parametrize(("compare_at", "kept"), [("30", 3000), ("28.00", None), ("10", None), ("", None)])
def test_a_compare_at_price_is_kept_only_above_the_price(compare_at: str, kept: int | None) -> None:
    assert product(mug(Variant_Compare_At_Price=compare_at)).variants[0].compare_at_price_minor == kept


def test_a_compare_at_price_that_is_not_a_price_is_a_problem() -> None:
    assert problems(mug(Variant_Compare_At_Price="was 30"))[0].column == "Variant Compare At Price"


# Stock and weight


@pytest.mark.parametrize(("text", "stock"), [("12", 12), ("", 0), ("0", 0), ("-3", 0)])
def test_negative_or_empty_stock_is_none_to_sell(text: str, stock: int) -> None:
    assert product(mug(Variant_Inventory_Qty=text)).variants[0].stock == stock


@pytest.mark.parametrize("text", ["1.5", "many", "1e3", "9999999999"])
def test_stock_that_is_not_a_count_is_a_problem(text: str) -> None:
    assert problems(mug(Variant_Inventory_Qty=text))[0].column == "Variant Inventory Qty"


@pytest.mark.parametrize(
    ("tracker", "policy", "tracks"),
    [("shopify", "deny", True), ("shopify", "", True), ("", "deny", True), ("shopify", "continue", False)],
)
def test_stock_is_tracked_with_a_tracker_or_a_count_and_no_selling_on(
    tracker: str, policy: str, tracks: bool
) -> None:
    row = mug(Variant_Inventory_Tracker=tracker, Variant_Inventory_Policy=policy, Variant_Inventory_Qty="4")

    assert product(row).variants[0].tracks_stock is tracks


def test_without_a_tracker_column_a_count_means_tracked() -> None:
    header = [*MUG, "Variant Inventory Qty"]
    rows = mug(Variant_Inventory_Qty="4"), mug(Handle="bowl")

    counted, uncounted = parse_products(export(*rows, header=header), decimals=2)

    assert isinstance(counted, ParsedProduct)
    assert counted.variants[0].tracks_stock
    assert isinstance(uncounted, ParsedProduct)
    assert not uncounted.variants[0].tracks_stock


@pytest.mark.parametrize(("text", "grams"), [("", 0), ("28", 28), ("28.349523", 28), ("28.5", 29)])
def test_grams_are_rounded_half_up(text: str, grams: int) -> None:
    assert product(mug(Variant_Grams=text)).variants[0].weight_grams == grams


@pytest.mark.parametrize("text", ["-1", "1 kg", "nan", "99999999"])
def test_a_weight_that_is_not_in_grams_is_a_problem(text: str) -> None:
    assert problems(mug(Variant_Grams=text))[0].column == "Variant Grams"


# What contradicts itself


def test_a_product_is_all_or_nothing_and_tells_every_problem() -> None:
    rejected, kept = parse(
        sized("S", Variant_Price="free"), another("", Variant_Price="-1"), mug(Handle="bowl", Title="Bowl")
    )

    assert isinstance(rejected, RejectedProduct)
    assert isinstance(kept, ParsedProduct)
    assert [(problem.line, problem.column) for problem in rejected.problems] == [
        (2, "Variant Price"),
        (3, "Variant Price"),
        (3, "Option1 Value"),
    ]


def test_a_missing_title_is_a_problem() -> None:
    assert [(problem.column, problem.message) for problem in problems(mug(Title=" "))] == [
        ("Title", "is missing")
    ]


def test_a_missing_handle_is_a_problem_on_each_row() -> None:
    assert [problem.line for problem in problems(mug(Handle=""), mug(Handle=""))] == [2, 3]


def test_a_missing_option_value_is_a_problem() -> None:
    (problem,) = problems(sized("S"), another("", Variant_SKU="MUG-M"))

    assert (problem.line, problem.column, problem.message) == (3, "Option1 Value", "is missing")


def test_an_option_value_without_a_name_is_a_problem() -> None:
    assert problems(sized("S", Option2_Value="Moss"))[0].column == "Option2 Value"


def test_an_option_named_twice_is_a_problem() -> None:
    row = sized("S", Option2_Name="size", Option2_Value="M")

    assert problems(row)[0].column == "Option2 Name"


def test_duplicate_option_combinations_are_a_problem() -> None:
    (problem,) = problems(sized("Small"), another("small"))

    assert (problem.line, problem.message) == (3, "repeats the options of line 2")


def test_two_variants_without_options_are_a_problem() -> None:
    assert (
        problems(MUG, {"Handle": "mug", "Option1 Value": "Default Title", "Variant Price": "3"})[0].line == 3
    )


def test_a_sku_belongs_to_the_first_row_in_the_file_that_has_it() -> None:
    kept, rejected = parse(mug(Variant_SKU="A-1"), mug(Handle="bowl", Variant_SKU="A-1"))

    assert isinstance(kept, ParsedProduct)
    assert isinstance(rejected, RejectedProduct)
    assert rejected.problems == (ImportProblem(3, "Variant SKU", "is already used on line 2", "A-1", "bowl"),)


def test_a_second_product_under_the_same_handle_is_a_problem() -> None:
    assert (3, "Title") in [(problem.line, problem.column) for problem in problems(MUG, mug(Title="Bowl"))]


@pytest.mark.parametrize(
    ("handle", "slug"),
    [
        ("Blue Mug", "blue-mug"),
        ("crème-brûlée", "creme-brulee"),
        ("Straße", "strasse"),
        ("potter's_mug", "potters-mug"),
    ],
)
def test_handles_become_slugs(handle: str, slug: str) -> None:
    assert product(mug(Handle=handle)).handle == slug


def test_handles_in_another_script_stay_apart() -> None:
    slugs = [parsed.handle for parsed in parse(mug(Handle="чай-2"), mug(Handle="茶-2"))]

    assert len(set(slugs)) == 2
    assert all(slug.startswith("2-") and slug.isascii() for slug in slugs)


def test_handles_that_become_the_same_slug_are_a_problem() -> None:
    kept, rejected = parse(mug(Handle="blue-mug"), mug(Handle="Blue Mug"))

    assert isinstance(kept, ParsedProduct)
    assert isinstance(rejected, RejectedProduct)
    assert rejected.problems[0].message == "becomes the same address as blue-mug"


@pytest.mark.parametrize(
    ("column", "most"),
    [
        ("Title", 200),
        ("Vendor", 120),
        ("Type", 80),
        ("Tags", 80),
        ("Variant SKU", 80),
        ("Variant Barcode", 40),
        ("Handle", 120),
        ("Image Alt Text", 300),
    ],
)
def test_texts_that_are_too_long_are_problems(column: str, most: int) -> None:
    picture = {"Image Src": "https://example.com/a.jpg"}

    assert product(MUG | picture | {column: "x" * most})
    (problem,) = problems(MUG | picture | {column: "x" * (most + 1)})
    assert problem.column == column
    assert len(problem.value) <= 60


@pytest.mark.parametrize("column", ["Title", "Body (HTML)", "Variant SKU", "Tags", "Vendor"])
def test_nul_bytes_are_problems(column: str) -> None:
    assert problems(MUG | {column: "a\0b"})[0].column == column


def test_formulas_are_plain_text() -> None:
    formula = '=HYPERLINK("https://example.com")'

    assert product(mug(Title=formula, Variant_SKU="+1-2", Vendor="@SUM(A1)")).title == formula


def test_more_cells_than_headers_is_a_problem() -> None:
    data = b"Handle,Title,Variant Price\nmug,Mug, blue,3\nbowl,Bowl,3,,\n"

    rejected, kept = parse_products(data, decimals=2)

    assert isinstance(rejected, RejectedProduct)
    assert isinstance(kept, ParsedProduct)
    assert [problem.column for problem in rejected.problems] == ["Variant Price", "Handle"]


# The file


def test_lines_are_those_of_the_file_though_cells_span_lines() -> None:
    row = mug()
    row["Body (HTML)"] = "<ul>\n<li>one</li>\r\n<li>two</li>\n</ul>"

    parsed, bad = parse(row, mug(Handle="bowl", Variant_Price="?"))

    assert isinstance(parsed, ParsedProduct)
    assert isinstance(bad, RejectedProduct)
    assert parsed.first_line == 2
    assert bad.problems[0].line == 6


@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"])
def test_any_line_end_and_a_byte_order_mark_are_read(line_end: str) -> None:
    data = b"\xef\xbb\xbf" + export(MUG, line_end=line_end)

    (parsed,) = parse_products(io.BytesIO(data), decimals=2)

    assert parsed.handle == "mug"


def test_blank_lines_and_short_rows_are_read() -> None:
    data = b"Handle,Title,Variant Price,Vendor\n\nmug,Mug,3\n,,,\n"

    (parsed,) = parse_products(data, decimals=2)

    assert isinstance(parsed, ParsedProduct)
    assert parsed.first_line == 3


def test_shopifys_newer_headers_are_read_and_named_in_problems() -> None:
    row = {
        "Title": "Mug",
        "URL handle": "mug",
        "Option1 name": "Color",
        "Option1 value": "Moss",
        "Option1 Linked To": "product.metafields.shopify.color-pattern",
        "Price": "28.00",
        "Cost per item": "9.10",
        "Inventory tracker": "shopify",
        "Inventory quantity": "3",
        "Continue selling when out of stock": "DENY",
        "Product image URL": "https://example.com/a.jpg",
        "Image position": "1",
        "Published on online store": "true",
        "Status": "Active",
    }

    rows = row, row | {"URL handle": "bowl", "Price": "x"}

    good, bad = parse_products(export(*rows, header=list(row)), decimals=2)

    assert isinstance(good, ParsedProduct)
    assert isinstance(bad, RejectedProduct)
    assert (good.option_names, good.variants[0].stock, good.variants[0].tracks_stock) == (("Color",), 3, True)
    assert [problem.column for problem in bad.problems] == ["Price"]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The file is empty."),
        (b"\n\n", "The file is empty."),
        (b"Handle,Title\n", "no column Variant Price"),
        (b"Handle;Title;Variant Price\n", "separated by semicolons"),
        (b"Handle,Title,Title,Variant Price\n", "Title appears twice"),
        ("Handle,Title,Variant Price\nmug,Caf\xe9,3\n".encode("cp1252"), "line 2 has the byte 0xE9"),
        ("Handle,Title,Variant Price\n".encode("utf-16"), "not UTF-8"),
        (b"PK\x03\x04rest", "spreadsheet"),
        (b'Handle,Title,Variant Price\nmug,"Mug,3\n', "starts on line 2 is not valid CSV"),
        (b'Handle,Title,Variant Price\nmug,"Mug"s,3\n', "not valid CSV"),
        (b"x" * (20 * 1024 * 1024 + 1), "larger than 20 MB"),
        (b"Handle,Title,Variant Price\n" + b"a,b,1\n" * 50_001, "more than 50,000 rows"),
        (b"Handle,Title,Variant Price\nmug," + b"x" * 100_001 + b",3\n", "more than 100,000 characters"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(data: bytes, sentence: str) -> None:
    assert sentence in refusal(data)


def test_a_file_that_breaks_off_yields_no_product_at_all() -> None:
    assert "not valid CSV" in refusal(export(MUG, mug(Handle="bowl")) + b'mug-2,"Mug')


def test_a_large_product_is_read_in_time_in_proportion() -> None:
    rows = [another(f"{number}") for number in range(20_000)]

    assert "more than 2,000 variants" in problems(sized("first"), *rows)[0].message


# Real exports, counted by hand; and what comes with Souk


@pytest.mark.skipif(not REAL.is_dir(), reason="the real Shopify exports are not on this machine")
@pytest.mark.parametrize(
    ("name", "products", "variants", "units", "images", "reduced"),
    [("apparel.csv", 20, 22, 22, 20, 0), ("jewelery.csv", 20, 23, 20, 41, 17)],
)
def test_real_exports(name: str, products: int, variants: int, units: int, images: int, reduced: int) -> None:
    parsed = list(parse_products((REAL / name).read_bytes(), decimals=2))

    kept = [one for one in parsed if isinstance(one, ParsedProduct)]
    each = [variant for one in kept for variant in one.variants]
    assert len(kept) == len(parsed) == products
    assert (len(each), sum(variant.stock for variant in each)) == (variants, units)
    assert sum(len(one.images) for one in kept) == images
    assert sum(variant.compare_at_price_minor is not None for variant in each) == reduced


@given(st.one_of(st.text(), st.lists(st.lists(st.text(max_size=12), max_size=8), max_size=8), st.binary()))
def test_arbitrary_text_never_raises_anything_else(content: str | bytes | list[list[str]]) -> None:
    assert_harmless(
        content if isinstance(content, bytes) else b"Handle,Title,Variant Price\n" + encode(content)
    )
    assert_harmless(content if isinstance(content, bytes) else encode(content))


CELL = st.one_of(
    st.sampled_from(
        ["", "mug", "Title", "Default Title", "1.00", "-1", "true", "sample:a.webp", "\0", "Size"]
    ),
    st.text(max_size=8),
)


@given(st.lists(st.lists(CELL, min_size=3, max_size=len(HEADER) + 1), max_size=6), st.integers(0, 3))
def test_arbitrary_rows_never_raise_and_never_give_a_bad_product(
    rows: list[list[str]], decimals: int
) -> None:
    assert_harmless(encode([HEADER, *rows]), decimals=decimals)


def encode(content: str | list[list[str]]) -> bytes:
    if isinstance(content, str):
        return content.encode("utf-8", "surrogatepass")
    text = io.StringIO(newline="")
    csv.writer(text).writerows(content)
    return text.getvalue().encode("utf-8", "surrogatepass")


def assert_harmless(data: bytes, *, decimals: int = 2) -> None:
    try:
        parsed = list(parse_products(data, decimals=decimals))
    except UnreadableExport:
        return
    kept = [one for one in parsed if isinstance(one, ParsedProduct)]
    assert len({one.handle for one in kept}) == len(kept)
    for one in kept:
        assert one.title.strip()
        assert one.handle
        assert one.variants
        for variant in one.variants:
            assert len(variant.option_values) == len(one.option_names)
            assert variant.price_minor >= 0
            assert variant.stock >= 0
            assert variant.weight_grams >= 0
            assert (
                variant.compare_at_price_minor is None or variant.compare_at_price_minor > variant.price_minor
            )
            assert "\0" not in one.title + one.description_html + variant.sku
    assert all(one.problems for one in parsed if isinstance(one, RejectedProduct))
