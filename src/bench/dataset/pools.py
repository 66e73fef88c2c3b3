"""Built-in lists of words from which texts are drawn.

Their content is part of the data: a change here calls for another `GENERATOR_VERSION`.
"""

from __future__ import annotations

from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FIRST_NAMES = """
Ada Adrian Aiko Alma Amara Anders Anita Anton Arjun Astrid Aylin Bea Benno Bianca Bruno Camille Carlos Chiara Chen
Clara Dalia Daniel Davide Diego Dora Edgar Elena Elif Emil Emma Enzo Erik Esther Fatima Felix Femi Fiona Frida Gita
Goran Greta Hana Hassan Hedda Hugo Ida Ines Ingrid Ivan Jana Jasper Jin Joana Jonas Julia Kai Karim Katja Kenji Lars
Laura Layla Leo Lina Luca Lucia Magda Malik Mara Marco Maya Mei Milan Mina Nadia Naomi Nils Noor Olga Omar Oskar Paula
Pavel Petra Rafael Rania Rosa Ruben Sami Sara Selma Sofia Sven Tariq Tessa Tomas Uma Vera Viktor Yara Yusuf Zoe
"""

LAST_NAMES = """
Abbasi Acosta Adler Ahmed Almeida Andersen Arslan Bakker Banerjee Barros Bauer Becker Bennett Berger Bianchi Blanc
Borg Brandt Bruun Carvalho Castro Chowdhury Conti Costa Dahl Delgado Demir Diallo Dubois Duarte Eklund Engel Eriksen
Falk Farkas Ferrari Fischer Fontana Forsberg Fuchs Garcia Gruber Haas Hansen Hartmann Hayashi Heikkinen Herrera
Hoffmann Holm Horvat Huang Ibrahim Ilves Ishikawa Iversen Jansen Jensen Joshi Kaiser Kaplan Karlsson Kaya Keller Khan
Kim Klein Koch Kovac Kowalski Kruse Kumar Lambert Larsen Laurent Lehmann Lindberg Lopes Lorenz Lund Marino Martens
Mehta Mendes Meyer Moreau Moretti Mori Murphy Nakamura Navarro Nielsen Novak Nowak Okafor Olsen Ortega Osei Ozturk
Pereira Petrov Popescu Quist Rahman Ramos Reyes Ricci Richter Rinaldi Rojas Romano Rossi Saito Salem Santos Schmid
Schulz Sharma Silva Simon Singh Soto Steiner Suzuki Svensson Tanaka Torres Vargas Vidal Virtanen Vogel Wagner Weber
Winkler Wolf Yamada Yilmaz Zeller Ziegler Zhang
"""

TRADES = """
Antiques Audio Bakery Bikes Books Botanics Ceramics Chocolate Clothing Coffee Cosmetics Crafts Electronics Eyewear
Fabrics Footwear Furniture Games Gardens Gifts Glassware Hardware Herbs Instruments Interiors Jewellery Kitchens
Leather Lighting Luggage Optics Outdoors Papers Perfumes Pets Pottery Prints Records Spices Sports Stationery Tea
Textiles Tools Toys Watches Wines Woodwork
"""

LEGAL_FORMS = "AB BV GmbH Inc LLC Ltd Oy SA SAS SpA"

QUALITIES = """
Classic Compact Deluxe Everyday Foldable Handmade Heavy Insulated Light Modern Natural Nordic Organic Padded Plain
Portable Premium Quiet Recycled Rustic Slim Soft Solid Travel Vintage Washable
"""

MATERIALS = """
Aluminium Bamboo Brass Canvas Ceramic Copper Cork Cotton Felt Glass Leather Linen Marble Oak Rubber Silk Steel Walnut
Wool
"""

ARTICLES = """
Apron Backpack Basket Blanket Board Bottle Bowl Box Brush Candle Case Chair Clock Cup Curtain Cushion Desk Frame Gloves
Hat Jacket Jar Kettle Knife Lamp Mat Mirror Mug Pan Plate Pouch Rug Scarf Shelf Stool Table Tray Vase Wallet Watch
"""

MEMO_SUBJECTS = """
adjustment chargeback commission correction deposit discount instalment invoice refund settlement shipment subscription
"""

MEMO_REMARKS = """
agreed-by-phone booked-by-hand carried-over checked-twice customer-informed due-at-month-end open-question
partial-delivery reversed-later second-reminder see-contract split-over-two-periods
"""

COMMON_WORDS = """
account amber anchor answer apple autumn balance basket beacon border bridge button canyon carbon castle circle cloud
copper corner cotton crystal desert device dinner domain dragon earth echo engine evening fabric falcon feather field
figure forest galaxy garden ginger granite harbour hazel hollow honey horizon island ivory jacket jungle kernel kettle
ladder lantern lemon letter limit magnet maple marble meadow mirror morning mountain needle ocean olive orange orchard
oxygen paper pebble pepper planet pocket prairie quartz quiet rabbit ribbon river rocket saddle saffron season shadow
silver smooth spring station stone summer sunset temple thunder timber tunnel valley velvet violet voyage walnut window
winter wonder yellow zenith
"""


def _joined(*lists: str) -> tuple[str, ...]:
    """Every combination of one word of each list."""
    return tuple(" ".join(words) for words in product(*(words.split() for words in lists)))


POOLS: Mapping[str, Callable[[], tuple[str, ...]]] = MappingProxyType(
    {
        "words": lambda: _joined(COMMON_WORDS),
        "first_names": lambda: _joined(FIRST_NAMES),
        "last_names": lambda: _joined(LAST_NAMES),
        "full_names": lambda: _joined(FIRST_NAMES, LAST_NAMES),
        "company_names": lambda: _joined(LAST_NAMES, TRADES, LEGAL_FORMS),
        "product_titles": lambda: _joined(QUALITIES, MATERIALS, ARTICLES),
        "memos": lambda: tuple(text.replace("-", " ") for text in _joined(MEMO_SUBJECTS, MEMO_REMARKS)),
    }
)
