"""Bars on a logarithmic scale, as SVG: nothing is needed to draw them."""
import math
import os
from html import escape

WIDTH, LEFT, LINE = 720, 190, 22


def bars(title, unit, rows):
    """rows: (label, value > 0 or infinite: missed)."""
    finite = [value for _, value in rows if math.isfinite(value) and value > 0]
    if not finite:
        return ""
    low = 10 ** math.floor(math.log10(min(finite)))
    high = max(10 ** math.ceil(math.log10(max(finite))), low * 10)
    height = 50 + LINE * len(rows)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" '
             'font-size="12">',
             f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
             f'<text x="8" y="18" font-size="14">{escape(title)} [{escape(unit)}, logarithmic, {low:g} to {high:g}]</text>']
    for row, (label, value) in enumerate(rows):
        top = 32 + LINE * row
        share = 1.0 if not math.isfinite(value) else math.log(max(value, low) / low) / math.log(high / low)
        length = max(2.0, share * (WIDTH - LEFT - 110))
        colour = "#2a7" if label.startswith("nezuban") else "#89a" if math.isfinite(value) else "#c66"
        said = f"{value:.3g}" if math.isfinite(value) else "not in time"
        parts.append(f'<text x="{LEFT - 6}" y="{top + 13}" text-anchor="end">{escape(label)}</text>'
                     f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="16" fill="{colour}"/>'
                     f'<text x="{LEFT + length + 5:.1f}" y="{top + 13}">{said}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def write_all(results, folder, median):
    os.makedirs(folder, exist_ok=True)

    def rows(what, suffix=""):
        return sorted(((peer + suffix, median(results, what, peer)) for peer in results["samples"].get(what, {})),
                      key=lambda row: row[1])

    idle = [what for what in results["samples"] if what.startswith("idle ") and what.endswith(" cpu")]
    plots = {"exit": ("kill -9 to command running, median", "ms", rows("exit")),
             "storm": ("alive above the limit of 500, median", "processes", rows("storm")),
             "idle": ("CPU among idle processes, median", "% of a core",
                      [row for what in idle for row in rows(what, f", {int(what.split()[1]):,}")])}
    for name, (title, unit, found) in plots.items():
        with open(os.path.join(folder, f"peers-{name}.svg"), "w", encoding="utf-8") as file:
            file.write(bars(title, unit, [row for row in found if row[1] is not None]))
