from scripts.model.tradeoff.tradeoff import main

if __name__ == "__main__":
    main()
