// The sample picture, loaded when it is asked for.

const SAMPLE_NAME = "icebox-sample.jpg"; // tells it from the user's own, in tables and after a reload, too
const isSample = (item) => item.name === SAMPLE_NAME;

on("model", () => { $("try-sample").hidden = !/algae/i.test(model.classes); }); // what is on it
$("try-sample").addEventListener("click", async () => {
  try {
    add([new File([await (await api("sample.jpg")).blob()], SAMPLE_NAME, { type: "image/jpeg" })]);
    $("main").focus({ preventScroll: true });
  } catch (error) {
    say($("start-hint").textContent = `The sample could not be loaded. ${error.detail}`);
  }
});
