"""The live page: a picture in, versions with a before-after slider, predictions out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import gradio

__all__ = ["ADD", "ALREADY", "build_page", "check_gradio", "open_page"]

ADD, ALREADY = "add noise", "it is noisy already"
CLEAN, NOISY = "clean", "noisy"
# What a picture can be wrong with; the page says it, and lives on.
ERRORS = (OSError, RuntimeError, ValueError)
# Pictures, views and a text, by the path and the level (None: nothing is added).
Run = Callable[
    [str, "float | None"], tuple[dict[str, np.ndarray], dict[str, np.ndarray], str]
]


def check_gradio() -> None:
    """Say early that the page needs a package.

    Raises:
        ImportError: Naming it.
    """
    try:
        import gradio
    except ImportError:
        raise ImportError(
            "the live page needs gradio 6: pip install 'mmdenoise[demo]'"
        ) from None
    if not hasattr(gradio, "ImageSlider"):
        raise ImportError(
            f"the live page needs gradio 6, not {gradio.__version__}: "
            "pip install -U gradio"
        )


def build_page(
    run: Run, methods: Sequence[str], examples: Sequence[str] = (), sigma: float = 60
) -> gradio.Blocks:
    """Lay the page out.

    Args:
        run: Makes what is shown of a picture.
        methods: The methods' names, the one to look at first as the last.
        examples: Image files to pick from.
        sigma: Level of the noise at first, in 8-bit units.
    """
    import gradio as gr

    names = [NOISY, *methods, CLEAN]

    def denoise(path: str | None, kind: str, level: float, before: str, after: str):
        if path is None:
            raise gr.Error("Upload a picture, or pick one of the examples.")
        try:
            found = run(path, None if kind == ALREADY else level)
        except ERRORS as error:
            raise gr.Error(" ".join(str(error).split())) from None
        pictures, views, text = found
        shown = [
            gr.Image(value=views.get(name), visible=name in views) for name in names
        ]
        return [slide(pictures, before, after), text, pictures, *shown]

    def slide(pictures: dict | None, before: str, after: str):
        if not pictures:
            return None
        # A picture that is noisy already has no clean version.
        return pictures.get(before), pictures.get(after, pictures[NOISY])

    with gr.Blocks(title="mmdenoise", analytics_enabled=False) as page:
        gr.Markdown("# mmdenoise\nDenoise a picture, and see what the network sees.")
        with gr.Row():
            with gr.Column(min_width=280):
                path, kind, level, go = _controls(examples, sigma)
            with gr.Column(min_width=280, scale=2):
                slider = gr.ImageSlider(
                    label="Before | after", format="png", elem_id="slider"
                )
                with gr.Row():
                    before = gr.Dropdown(names[:-1], value=NOISY, label="Before")
                    after = gr.Dropdown(names[1:], value=methods[-1], label="After")
                text = gr.Markdown(elem_id="text")
        gr.Markdown("## What the network sees in each")
        with gr.Row():
            views = [_view(name) for name in names]
        pictures = gr.State()
        inputs = [path, kind, level, before, after]
        go.click(denoise, inputs, [slider, text, pictures, *views])
        for choice in (before, after):
            choice.change(slide, [pictures, before, after], slider)
        kind.change(lambda one: gr.Slider(interactive=one == ADD), kind, level)
    return page


def _controls(
    examples: Sequence[str], sigma: float
) -> tuple[gradio.Image, gradio.Radio, gradio.Slider, gradio.Button]:
    """Lay out what a visitor gives: the picture, its noise's kind and level, a go."""
    import gradio as gr

    path = gr.Image(
        type="filepath",
        format="png",
        label="Picture",
        sources=["upload", "clipboard"],
        height=260,
        elem_id="picture",
    )
    if examples:
        gr.Examples([[one] for one in examples], path, label="Examples")
    kind = gr.Radio([ADD, ALREADY], value=ADD, label="Noise")
    level = gr.Slider(0, 100, sigma, step=1, label="Level to add (8-bit units)")
    go = gr.Button("Denoise", variant="primary", elem_id="go")
    return path, kind, level, go


def _view(name: str) -> gradio.Image:
    """Lay out a picture that is shown only, and can be kept."""
    import gradio as gr

    return gr.Image(
        label=name,
        format="png",
        interactive=False,
        show_label=False,
        buttons=["download", "fullscreen"],
        min_width=240,
        elem_classes="view",
    )


def open_page(
    page: gradio.Blocks,
    port: int | None = None,
    folders: Sequence[str] = (),
    wait: bool = True,
) -> str:
    """Serve a page on this machine alone, without asking anything of the network.

    Args:
        page: From :func:`build_page`.
        port: None takes a free one, from 7860.
        folders: Where the examples lie.
        wait: Until it is stopped.

    Returns:
        Its address.

    Raises:
        OSError: If the port is taken.
    """
    import gradio as gr

    # The default theme's fonts come from the network.
    fonts = ["system-ui", "sans-serif"]
    _, address, _ = page.launch(
        server_name="127.0.0.1",
        server_port=port,
        share=False,
        quiet=True,
        prevent_thread_lock=True,
        allowed_paths=list(folders),
        footer_links=[],
        theme=gr.themes.Default(font=fonts, font_mono=["monospace"]),
    )
    print(f"the page is at {address} (Ctrl+C stops it)", flush=True)
    if wait:
        page.block_thread()
    return address
