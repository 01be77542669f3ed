"""Releases a run under a tag: `publish` exports and measures it, `card_tags` writes the tag into the card."""
