from scripts.model.parity.parity import main

if __name__ == "__main__":
    main()
