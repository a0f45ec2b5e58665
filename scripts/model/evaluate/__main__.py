from scripts.model.evaluate.evaluate import main

if __name__ == "__main__":
    main()
