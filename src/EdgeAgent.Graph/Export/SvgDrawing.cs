using System.Globalization;
using System.Security;
using System.Text;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Export;

/// <summary>Draws a graph: a box for each input and node, one row for each step of depth, lines along the values.</summary>
public static class SvgDrawing
{
    private const int Width = 170, Height = 40, ColumnWidth = 190, RowHeight = 72, Margin = 20;

    /// <summary>An SVG document; dimensions of the batch are shown as N.</summary>
    /// <exception cref="InvalidGraphException">The graph's shapes do not fit.</exception>
    public static string Of(GraphSpec graph)
    {
        var shapes = ShapeInference.Infer(graph, -1);
        var boxes = Boxes(graph, shapes);
        var columns = boxes.Values.Distinct().Max(b => b.Column) + 1;
        var rows = boxes.Values.Max(b => b.Row) + 1;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{columns * ColumnWidth + 2 * Margin}\" height=\"{rows * RowHeight + 2 * Margin}\" font-family=\"sans-serif\" font-size=\"12\">\n");
        svg.Append("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
        foreach (var node in graph.Nodes)
            foreach (var input in node.Inputs.Distinct())
                if (boxes.TryGetValue(input, out var from))
                    Line(svg, from, boxes[node.Output]);
        foreach (var box in boxes.Values.Distinct())
            Draw(svg, box);
        return svg.Append("</svg>\n").ToString();
    }

    private static Dictionary<string, Box> Boxes(GraphSpec graph, IReadOnlyDictionary<string, ValueSpec> shapes)
    {
        var boxes = new Dictionary<string, Box>();
        var used = new Dictionary<int, int>();
        Box Place(int row, string title, string value, string fill)
        {
            used[row] = used.GetValueOrDefault(row) + 1;
            return new(row, used[row] - 1, title, $"{shapes[value].Type} {string.Join(" x ", shapes[value].Shape.Select(Dimension))}", value, fill);
        }
        foreach (var input in graph.Inputs)
            boxes[input.Name] = Place(0, input.Name, input.Name, "#dde8f7");
        foreach (var node in graph.Nodes)
        {
            var row = 1 + node.Inputs.Where(boxes.ContainsKey).Select(i => boxes[i].Row).Append(0).Max();
            var box = Place(row, node.Op.Type, node.Output, graph.Outputs.Any(o => node.Outputs.Contains(o.Name)) ? "#dff2df" : "#f4f4f4");
            foreach (var output in node.Outputs)
                boxes[output] = box;
        }
        return boxes;
    }

    private static void Draw(StringBuilder svg, Box box)
    {
        svg.Append(CultureInfo.InvariantCulture, $"<g><title>{Escaped(box.Name)}</title><rect x=\"{box.X}\" y=\"{box.Y}\" width=\"{Width}\" height=\"{Height}\" rx=\"5\" fill=\"{box.Fill}\" stroke=\"#888\"/>");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{box.X + Width / 2}\" y=\"{box.Y + 17}\" text-anchor=\"middle\">{Escaped(Short(box.Title))}</text>");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{box.X + Width / 2}\" y=\"{box.Y + 32}\" text-anchor=\"middle\" fill=\"#666\">{Escaped(Short(box.Detail))}</text></g>\n");
    }

    private static void Line(StringBuilder svg, Box from, Box to)
    {
        var (x1, y1, x2, y2) = (from.X + Width / 2, from.Y + Height, to.X + Width / 2, to.Y);
        svg.Append(CultureInfo.InvariantCulture, $"<path d=\"M{x1} {y1} C{x1} {y1 + 20} {x2} {y2 - 20} {x2} {y2}\" fill=\"none\" stroke=\"#888\"/>\n");
    }

    private static string Dimension(int size) => size switch
    {
        -1 => "N",
        < 0 => string.Create(CultureInfo.InvariantCulture, $"{-size}N"),
        _ => size.ToString(CultureInfo.InvariantCulture),
    };

    private static string Short(string text) => text.Length > 26 ? "..." + text[^23..] : text;

    /// <summary>Names come from anywhere: what XML cannot hold is replaced.</summary>
    private static string Escaped(string text) =>
        SecurityElement.Escape(string.Concat(text.Select(c => char.IsControl(c) || char.IsSurrogate(c) || c >= '\uFFFE' ? '?' : c)));

    private sealed record Box(int Row, int Column, string Title, string Detail, string Name, string Fill)
    {
        public int X => Margin + Column * ColumnWidth;

        public int Y => Margin + Row * RowHeight;
    }
}
