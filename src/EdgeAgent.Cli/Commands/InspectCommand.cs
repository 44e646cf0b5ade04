using System.CommandLine;
using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Cli.Engines;
using EdgeAgent.Graph.Export;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Int8.Plan;
using Spectre.Console;

namespace EdgeAgent.Cli.Commands;

/// <summary><c>edgectl inspect MODEL</c>: what is in a model.</summary>
internal static class InspectCommand
{
    public static Command Create(Terminal terminal)
    {
        var model = new Argument<string>("MODEL") { Description = "The model file" };
        var svg = new Option<string?>("--svg") { Description = "Also draw the graph into this file" };
        var command = new Command("inspect", "Show a model's operators, parameters, MACs and shapes") { model, svg };
        command.SetAction(parsed =>
        {
            var document = Inspect(parsed.GetValue(model)!);
            if (parsed.GetValue(svg) is { } drawing)
                Draw(parsed.GetValue(model)!, drawing);
            terminal.Result(document, CliJson.Default.InspectDocument, console => Show(console, document));
            return ExitCodes.Done;
        });
        return command;
    }

    public static InspectDocument Inspect(string path)
    {
        if (File.Exists(path) && Classifiers.IsPlan(path))
            return InspectPlan(path);
        var graph = ModelImporter.Load(path);
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
            ModelImporter.BytesOf(path));
    }

    private static void Draw(string path, string drawing)
    {
        if (Classifiers.IsPlan(path))
            throw new CommandException($"{path} is a plan, which has no graph to draw; draw the model that it was made from");
        File.WriteAllText(drawing, SvgDrawing.Of(ModelImporter.Load(path)));
    }

    private static InspectDocument InspectPlan(string path)
    {
        using var plan = PlanModel.Load(path);
        return new InspectDocument(
            CliJson.Schema,
            "plan",
            [.. plan.Operators.CountBy(o => o.Type).OrderByDescending(c => c.Value).ThenBy(c => c.Key, StringComparer.Ordinal).Select(c => new OperatorCount(c.Key, c.Value))],
            plan.Operators.Sum(o => o.WeightBytes),
            plan.Macs,
            [new ValueDocument("input", "float32", [-1, plan.InputShape.Channels, plan.InputShape.Height, plan.InputShape.Width])],
            [new ValueDocument("output", "float32", [-1, plan.OutputShape.Count])],
            plan.PlanBytes);
    }

    private static ValueDocument Value(ValueSpec value) => new(value.Name, value.Type.ToString().ToLowerInvariant(), value.Shape);

    internal static void Show(IAnsiConsole console, InspectDocument document)
    {
        console.WriteLine($"{document.Format}, {Units.Bytes(document.ModelBytes)}, {Units.Count(document.Parameters)} parameters, {Units.Count(document.Macs)} MACs");
        foreach (var input in document.Inputs)
            console.WriteLine($"input   {input.Name}  {input.Type} {Units.Shape(input.Shape)}");
        foreach (var output in document.Outputs)
            console.WriteLine($"output  {output.Name}  {output.Type} {Units.Shape(output.Shape)}");
        var table = new Table().Border(TableBorder.Simple).AddColumn("operator").AddColumn(new TableColumn("count").RightAligned());
        foreach (var (type, count) in document.Operators)
            table.AddRow(Markup.Escape(type), Units.Text($"{count}"));
        console.Write(table);
    }
}
