"""From Didomi's tree to a line's choice, and between a line's choice and a subscription."""

from consent_sync.domain.consent import Choice, ConsentTree, Node, Pick
from consent_sync.domain.mapping import Line


def choice_at(tree: ConsentTree, node: Node, *, held: Choice, chosen: bool = False) -> Choice:
    """Return what the tree says about one node; NONE when it says nothing about it.

    `chosen` says that the tree is what a person chose, all at once: then an option that is missing
    from a list is refused, because a list is always sent whole. A list that is only shown, or that
    an engine wrote, refuses only what was granted or refused before (`held`): nobody may ever have
    chosen the rest. The same holds for an empty list, which may also mean that nobody has chosen
    yet (Didomi does not document how a cleared list looks).
    """
    if not node.option:
        return tree.nodes.get(node, Choice.NONE)
    options = tree.picks.get(Pick(node.purpose, node.preference))
    if options is None:
        return Choice.NONE
    if node.option in options:
        return Choice.GRANTED
    refused = held is not Choice.NONE or (chosen and options)
    return Choice.DENIED if refused else Choice.NONE


def names_node(tree: ConsentTree, node: Node) -> bool:
    """Say whether the tree says anything about one node, or about the list it stands in."""
    if node.option:
        return Pick(node.purpose, node.preference) in tree.picks
    return node in tree.nodes


def choice_from_subscription(line: Line, *, subscribed: bool) -> Choice:
    """Return what being subscribed or not means on this line, in Didomi's sense."""
    return Choice.GRANTED if subscribed != line.inverted else Choice.DENIED


def subscription_from_choice(line: Line, choice: Choice) -> bool:
    """Return whether the profile is to be subscribed for this granted or denied choice."""
    return (choice is Choice.GRANTED) != line.inverted


def rebuilt_list(held: frozenset[str], changes: dict[str, Choice]) -> tuple[str, ...]:
    """Return a multi-value list whole: what is held, with the changed options put in or out."""
    kept = {option for option in held if changes.get(option) is not Choice.DENIED}
    added = {option for option, choice in changes.items() if choice is Choice.GRANTED}
    return tuple(sorted(kept | added))
