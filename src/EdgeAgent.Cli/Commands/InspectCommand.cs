using System.CommandLine;
using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Cli.Engines;
using EdgeAgent.Graph.Export;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Plan;
using Spectre.Console;

namespace EdgeAgent.Cli.Commands;

/// <summary><c>edgectl inspect MODEL</c>: what is in a model.</summary>
internal static class InspectCommand
{
    private const int MaxNameShown = 48;

    public static Command Create(Terminal terminal)
    {
        var model = new Argument<string>("MODEL") { Description = "The model file" };
        var svg = new Option<string?>("--svg") { Description = "Also draw the graph into this file" };
        var layers = new Option<bool>("--layers") { Description = "Also list the operators one by one" };
        var sizes = ModelOptions.Sizes();
        var command = new Command("inspect", "Show a model's operators, parameters, MACs, memory, quantization and shapes") { model, svg, layers, sizes };
        command.SetAction(parsed =>
        {
            var document = Inspect(parsed.GetValue(model)!, parsed.GetValue(sizes)!);
            if (parsed.GetValue(svg) is { } drawing)
                Draw(parsed.GetValue(model)!, drawing, parsed.GetValue(sizes)!);
            terminal.Result(document, CliJson.Default.InspectDocument, console => Show(console, document, parsed.GetValue(layers)));
            return ExitCodes.Done;
        });
        return command;
    }

    public static InspectDocument Inspect(string path, params int[] sizes)
    {
        if (File.Exists(path) && Classifiers.IsPlan(path))
            return sizes.Length == 0 ? InspectPlan(path) : throw Classifiers.SizedPlan(path);
        var graph = ModelImporter.Load(path, sizes);
        var statistics = GraphStatistics.Of(graph);
        var values = ShapeInference.Infer(graph, batch: -1);
        return new InspectDocument(
            CliJson.Schema,
            ModelImporter.FormatOf(path).ToString().ToLowerInvariant(),
            [.. statistics.Operators.Select(o => new OperatorCount(o.Key, o.Value))],
            statistics.Parameters,
            statistics.Macs,
            [.. graph.Inputs.Select(i => Value(values[i.Name]))],
            [.. graph.Outputs.Select(o => Value(values[o.Name]))],
            ModelImporter.BytesOf(path),
            ActivationMemory.PeakBytes(graph),
            QuantizationSummary.Of(graph) is { } q ? new(q.Activations, q.Weights, q.PerChannel, q.QuantizedLayers, q.Layers) : null,
            [.. GraphStatistics.Layers(graph).Select(l => new LayerDocument(l.Name, l.Type, l.Shape, l.Parameters, l.Macs))]);
    }

    private static void Draw(string path, string drawing, int[] sizes)
    {
        if (Classifiers.IsPlan(path))
            throw new CommandException($"{path} is a plan, which has no graph to draw; draw the model that it was made from");
        File.WriteAllText(drawing, SvgDrawing.Of(ModelImporter.Load(path, sizes)));
    }

    private static InspectDocument InspectPlan(string path)
    {
        using var plan = PlanModel.Load(path);
        using var executor = new PlanExecutor(plan);
        // Every layer of a plan is an integer one.
        var layers = plan.Operators.Count(o => o.Macs > 0);
        return new InspectDocument(
            CliJson.Schema,
            "plan",
            [.. plan.Operators.CountBy(o => o.Type).OrderByDescending(c => c.Value).ThenBy(c => c.Key, StringComparer.Ordinal).Select(c => new OperatorCount(c.Key, c.Value))],
            plan.Operators.Sum(o => o.WeightBytes),
            plan.Macs,
            [new ValueDocument("input", "float32", [-1, plan.InputShape.Channels, plan.InputShape.Height, plan.InputShape.Width])],
            [new ValueDocument("output", "float32", [-1, plan.OutputShape.Count])],
            plan.PlanBytes,
            executor.ArenaBytes,
            new("uint8", "int8", PerChannel: true, layers, layers),
            [.. plan.Operators.Select(o => new LayerDocument(o.Name, o.Type, Shape(o.Output), o.WeightBytes, o.Macs))]);
    }

    private static int[] Shape(PlanShape shape) => shape is { Height: 1, Width: 1 } ? [-1, shape.Channels] : [-1, shape.Channels, shape.Height, shape.Width];

    private static ValueDocument Value(ValueSpec value) => new(value.Name, value.Type.ToString().ToLowerInvariant(), value.Shape);

    internal static void Show(IAnsiConsole console, InspectDocument document, bool layers = false)
    {
        console.WriteLine($"{document.Format}, {Units.Bytes(document.ModelBytes)}, {Units.Count(document.Parameters)} parameters, {Units.Count(document.Macs)} MACs");
        console.WriteLine($"activations need {Units.Bytes(document.ActivationBytes)} at batch 1, {Words(document.Quantization)}");
        foreach (var input in document.Inputs)
            console.WriteLine($"input   {input.Name}  {input.Type} {Units.Shape(input.Shape)}");
        foreach (var output in document.Outputs)
            console.WriteLine($"output  {output.Name}  {output.Type} {Units.Shape(output.Shape)}");
        var table = new Table().Border(TableBorder.Simple).AddColumn("operator").AddColumn(new TableColumn("count").RightAligned());
        foreach (var (type, count) in document.Operators)
            table.AddRow(Markup.Escape(type), Units.Text($"{count}"));
        console.Write(table);
        if (layers)
            console.Write(Layers(document));
    }

    private static string Words(QuantizationDocument? quantization) => quantization is null
        ? "in float32"
        : Units.Text($"quantized: activations {quantization.Activations}, weights {quantization.Weights} {(quantization.PerChannel ? "per channel" : "per tensor")}, {quantization.QuantizedLayers} of {quantization.Layers} layers on integers");

    /// <summary>Converters join the names of all that they fuse; the document has them whole.</summary>
    private static string Short(string name) => name.Length > MaxNameShown ? "..." + name[^(MaxNameShown - 3)..] : name;

    private static Table Layers(InspectDocument document)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumn("name").AddColumn("operator").AddColumn("result")
            .AddColumn(new TableColumn("parameters").RightAligned()).AddColumn(new TableColumn("MACs").RightAligned());
        foreach (var layer in document.Layers)
            table.AddRow(Markup.Escape(Short(layer.Name)), Markup.Escape(layer.Type), Units.Shape(layer.Shape), Units.Count(layer.Parameters), Units.Count(layer.Macs));
        return table;
    }
}
