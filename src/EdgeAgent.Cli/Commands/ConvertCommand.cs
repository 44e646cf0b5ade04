using System.CommandLine;
using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Export;
using EdgeAgent.Graph.Export.TfLite;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Cli.Commands;

/// <summary><c>edgectl convert IN OUT</c>: a model in another format, which the extension of OUT says.</summary>
internal static class ConvertCommand
{
    public static Command Create(Terminal terminal)
    {
        var source = new Argument<string>("IN") { Description = "The model, of any supported format" };
        var target = new Argument<string>("OUT") { Description = "The file to write: .onnx (a quantized model as QDQ), .tflite or, of a quantized model, .plan" };
        var sizes = ModelOptions.Sizes();
        var command = new Command("convert", "Write a model in another format; what was written is read back and compared") { source, target, sizes };
        command.SetAction(parsed =>
        {
            Convert(parsed.GetValue(source)!, parsed.GetValue(target)!, parsed.GetValue(sizes)!);
            var document = InspectCommand.Inspect(parsed.GetValue(target)!);
            terminal.Result(document, CliJson.Default.InspectDocument, console => InspectCommand.Show(console, document));
            return ExitCodes.Done;
        });
        return command;
    }

    private static void Convert(string source, string target, int[] sizes)
    {
        // The extension first: a wrong one should not cost the reading of a large model.
        Action<GraphSpec, string> write = Path.GetExtension(target).ToLowerInvariant() switch
        {
            ".onnx" => OnnxExporter.Write,
            ".tflite" => TfLiteExporter.Write,
            ".plan" => WritePlan,
            var other => throw new WrongUsageException($"cannot write '{target}': the extension '{other}' is no format that can be written; use .onnx, .tflite or .plan"),
        };
        write(ModelImporter.Load(source, sizes), target);

        void WritePlan(GraphSpec graph, string path)
        {
            if (!graph.Nodes.Any(n => n.Op is QuantizeLinear or DequantizeLinear))
                throw new CommandException($"{source} is not quantized, as a plan has to be; 'edgectl quantize' makes an int8 model of it");
            PlanExporter.Write(graph, path);
        }
    }
}
