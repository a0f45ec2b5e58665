from scripts.model.quantize.quantize import main

if __name__ == "__main__":
    main()
