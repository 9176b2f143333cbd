"""Damage as disks, copies and bad cables do it."""


def damaged(content, rng):
    """Other content: a bit, a byte, a run of bytes or the length is not what it was."""
    while (changed := _changed(bytearray(content), rng)) == content:
        pass
    return changed


def _changed(content, rng):
    i, j = sorted(int(place) for place in rng.integers(len(content), size=2))
    match rng.integers(9):
        case 0 | 1:
            content[i] ^= 1 << int(rng.integers(8))
        case 2:
            content[i] = rng.integers(256)
        case 3:
            del content[i]
        case 4:
            content.insert(i, int(rng.integers(256)))
        case 5:
            content[i], content[j] = content[j], content[i]
        case 6:
            del content[i : rng.choice([j, len(content)])]
        case 7:
            content[i:j] = bytes(j - i)
        case 8:
            content += content[i:j]
    return bytes(content)
