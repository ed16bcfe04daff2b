"""The image towers of open_clip's models."""

from typing import NamedTuple

from keras_contrastive.encoders.clip_resnet import CLIPResNet
from keras_contrastive.encoders.conv_next import ConvNeXt
from keras_contrastive.encoders.vision_transformer import VisionTransformer
from keras_contrastive.json_files import BOOLEAN
from keras_contrastive.json_files import POSITIVE_INTEGER
from keras_contrastive.json_files import SHARE
from keras_contrastive.json_files import SIZE
from keras_contrastive.json_files import value_of
from keras_contrastive.pretrained.configuration import SIGLIP_IMAGE
from keras_contrastive.pretrained.configuration import check_setting
from keras_contrastive.pretrained.configuration import height_and_width
from keras_contrastive.pretrained.conv_next_names import conv_next_arguments
from keras_contrastive.pretrained.conv_next_names import conv_next_epsilon
from keras_contrastive.pretrained.conv_next_names import conv_next_names
from keras_contrastive.pretrained.layout import TowerNames
from keras_contrastive.pretrained.open_clip_names import timm_vision_transformer
from keras_contrastive.pretrained.open_clip_names import vision_transformer
from keras_contrastive.pretrained.open_clip_settings import activation_of
from keras_contrastive.pretrained.open_clip_settings import epsilon_of
from keras_contrastive.pretrained.resnet_names import is_resnet
from keras_contrastive.pretrained.resnet_names import resnet_arguments
from keras_contrastive.pretrained.resnet_names import resnet_names
from keras_contrastive.pretrained.timm_towers import timm_tower


class ImageTower(NamedTuple):
    """An image tower of open_clip.

    Attributes:
        encoder: Our class.
        arguments: Dict of arguments of it, except `mean` and `std`.
        names: The `TowerNames` of its weights.
        projection: What follows it, see `open_clip_names.layout`.
    """

    encoder: type
    arguments: dict
    names: TowerNames
    projection: tuple[str, str] = ("matrix", "visual.proj")


def image_tower(
    vision: dict, tensors: dict, is_quick: bool, file: str
) -> ImageTower:
    """The image tower that a file describes.

    Args:
        vision: Dict, the section `vision_cfg`.
        tensors: Dict of the tensors by their names.
        is_quick: Whether activations are QuickGELU.
        file: Name of the file.

    Raises:
        ValueError: If our encoders cannot represent it.
    """

    def value(name, default, kind):
        return value_of(vision, name, default, kind, f"vision_cfg in {file}")

    size = height_and_width(value("image_size", 224, SIZE))
    images = {"input_shape": (*size, 3)}
    patch_dropout = value("patch_dropout", 0.0, SHARE)
    if vision.get("timm_model_name"):
        tower = _timm(vision, tensors, file)
        if tower.encoder is VisionTransformer:
            images["patch_dropout"] = patch_dropout
        return tower._replace(arguments={**images, **tower.arguments})
    allowed = {"pool_type": ["tok", "avg"], "timm_proj_bias": [False]}
    check_setting(file, "vision_cfg", vision, allowed)
    head_width = value("head_width", 64, POSITIVE_INTEGER)
    if is_resnet(tensors):
        arguments = resnet_arguments(tensors, head_width)
        return ImageTower(
            CLIPResNet,
            {**images, **arguments},
            resnet_names(arguments["stack_sizes"]),
            # The projection is part of the pooling.
            ("none", ""),
        )
    has_initial_norm = not value("no_ln_pre", False, BOOLEAN)
    arguments = {
        **images,
        "patch_dropout": patch_dropout,
        "num_heads": _width(tensors) // head_width,
        "activation": activation_of(vision, is_quick, "vision_cfg", file),
        "layer_norm_epsilon": epsilon_of(vision, "vision_cfg", file),
        "initial_norm": has_initial_norm,
    }
    if vision.get("pool_type") == "avg":
        arguments |= {
            "pooling": "mean",
            "class_token": True,
            "norm_after_pooling": value("final_ln_after_pool", False, BOOLEAN),
        }
    return ImageTower(
        VisionTransformer, arguments, vision_transformer(has_initial_norm)
    )


def _width(tensors):
    if "visual.class_embedding" not in tensors:
        raise ValueError(
            "The checkpoint's image tower must be a vision transformer or "
            f"CLIP's ResNet. Received: one of {sorted(tensors)[:3]}"
        )
    return len(tensors["visual.class_embedding"])


def _timm(vision, tensors, file):
    name = vision["timm_model_name"]
    is_text = isinstance(name, str)
    tower = timm_tower(name) if is_text else None
    epsilon = conv_next_epsilon(name) if is_text else None
    if tower is None and epsilon is None:
        raise ValueError(
            f"`timm_model_name` of vision_cfg in {file} must be unset, or a "
            "vision transformer of CLIP or SigLIP, such as "
            "'vit_base_patch16_siglip_224', or a ConvNeXt, which is what our "
            f"encoders can represent. Received: timm_model_name={name!r}"
        )
    if tower is None:
        projection = _timm_projection(vision, ["", "avg"], file, ["mlp"])
        arguments = conv_next_arguments(tensors)
        names = conv_next_names(arguments["stack_sizes"], projection[1])
        arguments["layer_norm_epsilon"] = epsilon
        return ImageTower(ConvNeXt, arguments, names, projection)
    pooling = "map" if tower.is_siglip else "token"
    projection = _timm_projection(vision, [pooling], file)
    arguments = {
        "num_heads": tower.num_heads,
        "activation": tower.activation,
        "layer_norm_epsilon": tower.layer_norm_epsilon,
        **(SIGLIP_IMAGE if tower.is_siglip else {}),
    }
    names = timm_vision_transformer(has_class_token=not tower.is_siglip)
    return ImageTower(VisionTransformer, arguments, names, projection)


def _timm_projection(vision, poolings, file, others=(None, "", "none")):
    """The projection that follows a tower of timm."""
    vision = {"timm_pool": "avg", "timm_proj": "linear", **vision}
    allowed = {"timm_pool": poolings, "timm_proj": ["linear", *others]}
    projection = vision["timm_proj"]
    if projection in ("linear", "mlp"):
        allowed["timm_proj_bias"] = [False]
    check_setting(file, "vision_cfg", vision, allowed)
    if projection == "linear":
        return "linear", "visual.head.proj"
    if projection == "mlp":
        return "linear", "visual.head.mlp.fc2"
    if projection == "none":
        return "none", ""
    return "biased", "visual.trunk.head"
