using System.CommandLine;
using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Cli.Engines;
using EdgeAgent.Inputs;
using Spectre.Console;

namespace EdgeAgent.Cli.Commands;

/// <summary><c>edgectl eval --model M --data D</c>: accuracy of any model on any engine.</summary>
internal static class EvalCommand
{
    /// <summary>Names of skipped images shown; the document has them all.</summary>
    private const int SkippedShown = 5;

    public static Command Create(Terminal terminal)
    {
        var model = ModelOptions.Model();
        var data = ModelOptions.Data();
        var engine = ModelOptions.Engine(Classifiers.Interpreter, Classifiers.OnnxRuntime, Classifiers.Int8);
        var threads = ModelOptions.Threads(Environment.ProcessorCount);
        var preprocessing = ModelOptions.Preprocessing();
        var sizes = ModelOptions.Sizes();
        var command = new Command("eval", "Measure a model's accuracy on labelled images") { model, data, engine, threads, preprocessing, sizes };
        command.SetAction((parsed, cancellation) =>
        {
            var path = parsed.GetValue(model)!;
            using var classifier = Classifiers.Load(path, parsed.GetValue(engine), parsed.GetValue(threads), parsed.GetValue(sizes)!);
            var steps = ModelInput.PreprocessingFor(path, classifier.InputShape, ModelPreprocessing.Read(parsed.GetValue(preprocessing)), classifier.Metadata);
            using var images = LabelledImages.Open(parsed.GetValue(data)!, ModelInput.LabelsOf(classifier.Metadata));
            var document = ProgressBar.Run(terminal, "evaluating", images.Count, done =>
                ImageEvaluation.Run(classifier, path, images, steps, done, cancellation));
            foreach (var image in document.Skipped.Take(SkippedShown))
                terminal.Note($"skipped {image.Name}: {image.Reason}");
            if (document.Skipped.Count > SkippedShown)
                terminal.Note($"skipped {document.Skipped.Count - SkippedShown} more; --json names them all");
            terminal.Result(document, CliJson.Default.EvalDocument, console => Show(console, document));
            return Task.FromResult(ExitCodes.Done);
        });
        return command;
    }

    private static void Show(IAnsiConsole console, EvalDocument document)
    {
        console.WriteLine($"top-1   {Units.Percent(document.Top1)}  {Units.Interval(document.Interval)} (Wilson, 95 %)");
        console.WriteLine($"top-3   {Units.Percent(document.Top3)}");
        console.WriteLine(Units.Text($"on      {document.Samples} images, {document.Skipped.Count} skipped, engine {document.Engine}"));
        console.WriteLine($"data    sha256 {document.DataSha256}");
    }
}
