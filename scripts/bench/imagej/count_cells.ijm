// Counts dark cells in a microscope's round field: ImageJ's own defaults, nothing fitted to the pictures.
// Argument: files, one a line. Prints for each: its name, then the area in px of every particle, tabs between.
setBatchMode(true);
files = split(getArgument(), "\n");
run("Set Measurements...", "area redirect=None decimal=0");
for (f = 0; f < files.length; f++) {
	open(files[f]);
	name = getTitle();
	run("8-bit");
	run("Set Scale...", "distance=0 known=0 unit=pixel");
	picture = getImageID();
	// The field: what is bright, as a circle; a hundredth of its width less, since its edge is dark, too.
	run("Duplicate...", "title=field");
	setAutoThreshold("Triangle dark");
	run("Create Selection");
	run("Fit Circle");
	Roi.getBounds(x, y, width, height);
	close();
	selectImage(picture);
	margin = width / 100;
	makeOval(x + margin, y + margin, width - 2 * margin, height - 2 * margin);
	setAutoThreshold("Triangle");
	run("Analyze Particles...", "size=0-Infinity pixel clear");
	line = "particles\t" + name;
	for (i = 0; i < nResults; i++) line = line + "\t" + getResult("Area", i);
	print(line);
	close();
}
