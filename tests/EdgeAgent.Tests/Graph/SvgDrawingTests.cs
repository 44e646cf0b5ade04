using System.Xml.Linq;
using EdgeAgent.Graph.Export;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Tests.Graph;

public class SvgDrawingTests
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    [Fact]
    public void Drawing_OfANetwork_HasABoxForEachNodeAndALineForEachValueRead()
    {
        var graph = OperatorGraphs.ConcatNet(seed: 1);
        var drawing = XDocument.Parse(SvgDrawing.Of(graph)).Root!;
        Assert.Equal(graph.Nodes.Count + graph.Inputs.Count, drawing.Elements(Svg + "g").Count());
        Assert.Equal(graph.Nodes.Sum(n => n.Inputs.Distinct().Count(i => !graph.Constants.ContainsKey(i))), drawing.Elements(Svg + "path").Count());
        Assert.Contains(drawing.Descendants(Svg + "text"), t => t.Value == "Float32 N x 10");
        // No two boxes in one place.
        var places = drawing.Descendants(Svg + "rect").Where(r => r.Attribute("x") is not null).Select(r => (r.Attribute("x")!.Value, r.Attribute("y")!.Value)).ToList();
        Assert.Equal(places.Count, places.Distinct().Count());
    }

    [Fact]
    public void Drawing_WithNamesThatAreMarkup_IsStillADocument()
    {
        var name = "<script>\u0001&\"x\uFFFF";
        var graph = new GraphSpec("g", [new(name, ElementType.Float32, [-1, 4])], [new("y", ElementType.Float32, [-1, 4])], [new("n", new Relu(), [name], ["y"])], new Dictionary<string, Tensor>());
        Assert.Empty(XDocument.Parse(SvgDrawing.Of(graph)).Descendants("script"));
    }
}
