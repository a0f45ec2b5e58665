from scripts.model.render.render import main

if __name__ == "__main__":
    main()
