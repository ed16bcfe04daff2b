"""`python -m keras_contrastive`, or `keras-contrastive`."""

from keras_contrastive.cli.main import main

if __name__ == "__main__":
    main()
