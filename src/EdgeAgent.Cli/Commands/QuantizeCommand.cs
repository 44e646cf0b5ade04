using System.CommandLine;
using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Cli.Engines;
using EdgeAgent.Graph.Export;
using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Export.TfLite;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Graph.Rewrites.Quantization;
using EdgeAgent.Inputs;
using Spectre.Console;

namespace EdgeAgent.Cli.Commands;

/// <summary><c>edgectl quantize</c>: a float model as int8 within a minute or two, without training, with or without images.</summary>
internal static class QuantizeCommand
{
    private const int Ways = 4;

    public static Command Create(Terminal terminal)
    {
        var model = ModelOptions.Model();
        var data = new Option<string?>("--data") { Description = "Images: a folder, .zip, .tar or .tar.gz of class folders (default: generated ones, which are no match for the model's own)" };
        var target = new Option<string>("--out") { Description = "The file to write: .onnx (QDQ), .tflite or .plan", Required = true };
        var activations = new Option<string?>("--activations") { Description = "u8 (x86), s8 (Arm) or s8-symmetric (TensorRT); default: what the file is for" };
        activations.AcceptOnlyFromAmong("u8", "s8", "s8-symmetric");
        var images = new Option<int>("--images") { Description = "How many images to use", DefaultValueFactory = _ => 128 }.Between(1, 10_000);
        var threads = ModelOptions.Threads(Environment.ProcessorCount);
        var preprocessing = ModelOptions.Preprocessing();
        var sizes = ModelOptions.Sizes();
        var command = new Command("quantize", "Make an int8 model without training") { model, data, target, activations, images, threads, preprocessing, sizes };
        command.SetAction(parsed =>
        {
            var (source, path) = (parsed.GetValue(model)!, parsed.GetValue(target)!);
            var (format, write) = Target(path, parsed.GetValue(activations));
            var loaded = ModelImporter.Load(source, parsed.GetValue(sizes)!);
            // Files of ONNX and plans take images with their channels first; what TensorFlow Lite wants, its exporter turns back.
            var graph = Simplification.ForQuantization(PlanarInputs.Apply(loaded));
            if (graph.Nodes.Any(n => n.Op is QuantizeLinear or DequantizeLinear))
                throw new CommandException($"{source} is quantized already; 'edgectl convert' writes it in another format");
            if (graph.Inputs.Count != 1 || graph.Outputs.Count != 1)
                throw new CommandException($"{source}: has {graph.Inputs.Count} inputs and {graph.Outputs.Count} outputs; an image model with one of each can be quantized");
            var steps = ModelInput.PreprocessingFor(source, loaded.Inputs[0].Shape, ModelPreprocessing.Read(parsed.GetValue(preprocessing)), loaded.Metadata);
            if (!loaded.Inputs[0].Shape.SequenceEqual(graph.Inputs[0].Shape))
                steps = steps with { Layout = TensorLayout.Nchw };
            if (parsed.GetValue(data) is null)
                terminal.Note("no --data: the ranges of activations come from generated images; check the result on real ones with 'edgectl eval'");
            var batches = CalibrationImages.Batches(graph.Inputs[0], steps, parsed.GetValue(data), parsed.GetValue(images), fault => terminal.Note($"skipped {fault}"));
            var results = ProgressBar.Run(terminal, "quantizing", Ways, done =>
            {
                var count = 0;
                return PostTrainingQuantization.Run(graph, batches, format, parsed.GetValue(threads), _ => done(++count));
            });
            write(results[0].Qdq, path);
            var (before, after) = (ModelImporter.BytesOf(source), new FileInfo(path).Length);
            var document = new QuantizeDocument(
                CliJson.Schema, path, before, after, (double)before / after, batches.Sum(b => b.Values.Single().Shape[0]), parsed.GetValue(data) is null,
                [.. results.Select(r => new QuantizationWay(r.Method, r.SignalToNoise))]);
            terminal.Result(document, CliJson.Default.QuantizeDocument, console => Show(console, document));
            return ExitCodes.Done;
        });
        return command;
    }

    private static (ActivationFormat Format, Action<GraphSpec, string> Write) Target(string path, string? activations)
    {
        var extension = Path.GetExtension(path).ToLowerInvariant();
        Action<GraphSpec, string> write = extension switch
        {
            ".onnx" => OnnxExporter.Write,
            ".tflite" => TfLiteExporter.Write,
            ".plan" => PlanExporter.Write,
            _ => throw new WrongUsageException($"cannot write '{path}': the extension '{extension}' is no format that holds int8 models; use .onnx, .tflite or .plan"),
        };
        if (extension == ".tflite" && activations is not (null or "s8"))
            throw new WrongUsageException($"TensorFlow Lite has signed activations with a zero point; use --activations s8, not {activations}");
        var format = activations switch
        {
            "s8" => ActivationFormat.Int8,
            "s8-symmetric" => ActivationFormat.Int8Symmetric,
            "u8" => ActivationFormat.UInt8,
            _ => extension == ".tflite" ? ActivationFormat.Int8 : ActivationFormat.UInt8,
        };
        return (format, write);
    }

    private static void Show(IAnsiConsole console, QuantizeDocument document)
    {
        var table = new Table().Border(TableBorder.Simple);
        table.AddColumn("way");
        table.AddColumn("signal to noise of the outputs");
        foreach (var way in document.Ways)
            table.AddRow(Markup.Escape(way.Name), Units.Text($"{way.SignalToNoiseDb:0.0} dB"));
        console.Write(table);
        console.WriteLine(Units.Text($"wrote {document.Path} by '{document.Ways[0].Name}' and {document.Images} {(document.Generated ? "generated " : "")}images: {Units.Bytes(document.Bytes)}, {document.TimesSmaller:0.0} times smaller"));
    }
}
