from scripts.model.adapt.adapt import main

if __name__ == "__main__":
    main()
