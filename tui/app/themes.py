"""How it looks: dusk (dark), dawn (light), and plain, which uses no colour at all.

Every state is told by a sign or a word too, so nothing is lost without colour. Knows colours only.
"""

from __future__ import annotations

from textual.theme import Theme

DUSK = Theme(
    name="dusk",
    primary="#e0a458",  # the fur
    secondary="#8fb8de",  # the moon
    accent="#e0a458",
    success="#8ec07c",
    warning="#e6c26e",
    error="#e5786d",
    foreground="#d8d6cf",
    background="#14171f",
    surface="#1a1e29",
    panel="#222838",
    boost="#262d3f",
    dark=True,
    variables={
        "border": "#e0a458",
        "border-blurred": "#2f374b",
        "footer-background": "#1a1e29",
        "footer-key-foreground": "#e0a458",
        "footer-description-foreground": "#9aa0ae",
        "block-cursor-background": "#e0a458",
        "block-cursor-foreground": "#14171f",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#2f374b",
        "input-selection-background": "#8fb8de 35%",
        "scrollbar": "#2f374b",
        "scrollbar-hover": "#4a5573",
        "scrollbar-active": "#e0a458",
        "scrollbar-background": "#14171f",
        "scrollbar-background-hover": "#14171f",
        "scrollbar-background-active": "#14171f",
        "scrollbar-corner-color": "#14171f",
    },
)
DAWN = Theme(
    name="dawn",
    primary="#9a5b13",
    secondary="#2f6690",
    accent="#9a5b13",
    success="#3f7a32",
    warning="#8a6500",
    error="#b3362b",
    foreground="#2b2a27",
    background="#faf7f0",
    surface="#f3eee2",
    panel="#e9e2d2",
    boost="#e3dac6",
    dark=False,
    variables={
        "border": "#9a5b13",
        "border-blurred": "#d6ccb6",
        "footer-background": "#f3eee2",
        "footer-key-foreground": "#9a5b13",
        "footer-description-foreground": "#6b675d",
        "block-cursor-background": "#9a5b13",
        "block-cursor-foreground": "#faf7f0",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#e3dac6",
        "scrollbar": "#d6ccb6",
        "scrollbar-background": "#faf7f0",
    },
)
PLAIN = Theme(
    name="plain",
    ansi=True,
    primary="ansi_default",
    secondary="ansi_default",
    accent="ansi_default",
    success="ansi_default",
    warning="ansi_default",
    error="ansi_default",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    variables={
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "border": "ansi_default",
        "border-blurred": "ansi_default",
        "block-cursor-foreground": "ansi_default",
        "block-cursor-background": "ansi_default",
        "block-cursor-text-style": "reverse",
        "block-cursor-blurred-foreground": "ansi_default",
        "block-cursor-blurred-background": "ansi_default",
        "block-cursor-blurred-text-style": "underline",
        "block-hover-background": "ansi_default",
        "input-cursor-foreground": "ansi_default",
        "input-cursor-background": "ansi_default",
        "input-cursor-text-style": "reverse",
        "footer-key-foreground": "ansi_default",
        "footer-background": "ansi_default",
        "footer-description-foreground": "ansi_default",
        "button-focus-text-style": "reverse bold",
        "link-color": "ansi_default",
    },
)
THEMES = (DUSK, DAWN, PLAIN)
DEFAULT = "dusk"
WITHOUT_COLOUR = "plain"
