"""Settings that both towers of an open_clip model have."""

from keras_contrastive.json_files import POSITIVE_NUMBER
from keras_contrastive.json_files import section_of
from keras_contrastive.json_files import value_of
from keras_contrastive.pretrained.configuration import check_setting

# Values of other settings that CLIP's model has.
_CLIP = {
    "pos_embed_type": ["learnable", "learned"],
    "block_type": ["default"],
}


def activation_of(settings, is_quick, section, file):
    """Our name of the activation of a section's tower."""
    arguments = section_of(settings, "act_kwargs", f"{section} in {file}")
    if not arguments:
        return "quick_gelu" if is_quick else "gelu"
    if arguments == {"approximate": "none"} and not is_quick:
        return "gelu"
    if arguments != {"approximate": "tanh"} or is_quick:
        raise ValueError(
            f"`act_kwargs` of {section} in {file} must be unset, or "
            '{"approximate": "tanh"} without quick_gelu. Received: '
            f"act_kwargs={arguments} with quick_gelu={is_quick}"
        )
    return "gelu_tanh"


def check_others(section, settings, used, file):
    """Raises for settings of a different model, except those `used`."""
    others = {
        name: value
        for name, value in settings.items()
        if name not in used and (value or name in _CLIP)
    }
    check_setting(
        file, section, others, {name: _CLIP.get(name, []) for name in others}
    )


def epsilon_of(settings, section, file):
    """The epsilon of the LayerNorms of a section's tower."""
    norm = section_of(settings, "norm_kwargs", f"{section} in {file}")
    place = f"norm_kwargs of {section}"
    check_others(place, norm, {"eps"}, file)
    return value_of(norm, "eps", 1e-5, POSITIVE_NUMBER, f"{place} in {file}")
