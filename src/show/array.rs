//! Arrays as text, nested as they are typed.
//!
//! In: host data and a `Style`. Out: text without a final newline. One axis is one line, `[1, 2, 3]`; from two axes on
//! every row is a line, as in NumPy. For a person the columns line up at the decimal point, long rows wrap, and a big
//! array keeps the ends of its axes, with `…` between and its type behind. For a pipe nothing is left out: text goes on
//! its way as it is made, for a small number stretched to a huge shape has more text than memory has room.

use crate::base::{DType, Half, Host, Result, interrupt};

use super::{EDGE, Style, THRESHOLD, number};

/// Takes text that is ready.
pub type Sink<'a> = &'a mut dyn FnMut(&str) -> Result<()>;

/// Text as it is made.
struct Page<'a> {
    text: String,
    /// Who takes it in pieces; without one all is kept.
    to: Option<Sink<'a>>,
    /// How long it gets before somebody looks at it again.
    next: usize,
}

/// Characters between two looks.
const PIECE: usize = 1 << 16;

impl<'a> Page<'a> {
    fn new(to: Option<Sink<'a>>) -> Page<'a> {
        Page { text: String::new(), to, next: PIECE }
    }

    /// Looks for Ctrl-C and hands on what is there, now and then.
    #[inline]
    fn turn(&mut self) -> Result<()> {
        if self.text.len() >= self.next { self.hand_on() } else { Ok(()) }
    }

    #[cold]
    fn hand_on(&mut self) -> Result<()> {
        interrupt::check()?;
        match &mut self.to {
            Some(to) => {
                to(&self.text)?;
                self.text.clear();
            }
            None => self.next = self.text.len() + PIECE,
        }
        Ok(())
    }
}

/// The array, its lines joined by newlines.
pub fn array(host: &Host, style: &Style) -> Result<String> {
    array_at(host, style, 0)
}

/// As `array`, to somebody who takes it in pieces.
pub fn array_to(host: &Host, style: &Style, to: Sink) -> Result<()> {
    if style.terminal || host.layout.size() == 0 || host.shape().rank() == 0 {
        return to(&array(host, style)?);
    }
    let mut page = Page::new(Some(to));
    plain_rows(host, style, 0, &mut page)?;
    page.hand_on()
}

/// As `array`, for text that starts in column `indent` (after `x: `, say): further lines are indented as much.
pub fn array_at(host: &Host, style: &Style, indent: usize) -> Result<String> {
    let cut = style.terminal && host.layout.size() > THRESHOLD;
    let mut out = match (host.layout.size(), host.shape().rank()) {
        (0, _) if lists(host) > THRESHOLD => "[]".into(),
        (_, 0) | (0, _) => line(host, style)?,
        _ if cut && shown(host) > 4 * THRESHOLD => format!("[{}]", style.ellipsis()),
        _ if style.terminal => Block::new(host, style, indent, cut).text(),
        _ => {
            let mut page = Page::new(None);
            plain_rows(host, style, indent, &mut page)?;
            page.text
        }
    };
    if cut || (host.layout.size() == 0 && host.shape()[..] != [0]) {
        out.push_str(&style.faint(&format!("  {}{}", host.dtype, host.shape())));
    }
    Ok(out)
}

/// How many empty lists stand in an array without elements.
fn lists(host: &Host) -> usize {
    host.shape().iter().take_while(|&&d| d > 0).fold(1, |n, &d| n.saturating_mul(d))
}

/// Everything in one line: `[[1, 2], [3, 4]]`. Never cut.
pub fn line(host: &Host, style: &Style) -> Result<String> {
    line_with(host, &mut |at, out| {
        push_element(out, host, at, style);
        Ok(())
    })
}

/// Writes the element at a buffer position.
pub(super) type Element<'a> = &'a mut dyn FnMut(usize, &mut String) -> Result<()>;

/// As `line`, with `element` writing the element at a buffer position.
pub(super) fn line_with(host: &Host, element: Element) -> Result<String> {
    let mut page = Page::new(None);
    nest(host, 0, host.layout.offset as isize, None, element, &mut page)?;
    Ok(page.text)
}

/// Appends the element at a buffer position.
fn push_element(out: &mut String, host: &Host, at: usize, style: &Style) {
    match (host.dtype, style.digits) {
        (DType::Bool, _) => out.push_str(if host.buffer.as_slice::<bool>()[at] { "true" } else { "false" }),
        (DType::I64, _) => push_int(out, host.buffer.as_slice::<i64>()[at]),
        (DType::F16, Some(_)) => out.push_str(&number::float16(host.buffer.as_slice::<Half>()[at], style)),
        (DType::F32, Some(_)) => out.push_str(&number::float32(host.buffer.as_slice::<f32>()[at], style)),
        (DType::F64, Some(_)) => out.push_str(&number::float(host.buffer.as_slice::<f64>()[at], style)),
        (DType::F16, None) => {
            let x = host.buffer.as_slice::<Half>()[at];
            number::push_shortest(out, x, x.to_f32() as f64);
        }
        (DType::F32, None) => {
            let x = host.buffer.as_slice::<f32>()[at];
            number::push_shortest(out, x, x as f64);
        }
        (DType::F64, None) => {
            let x = host.buffer.as_slice::<f64>()[at];
            number::push_shortest(out, x, x);
        }
    }
}

fn push_int(out: &mut String, x: i64) {
    use std::fmt::Write;
    // Writing to a String cannot fail.
    let _ = write!(out, "{x}");
}

/// Writes axis `axis` and all below it. `rows` is the indent of rows on lines of their own, or `None` for one line.
fn nest(host: &Host, axis: usize, at: isize, rows: Option<usize>, element: Element, out: &mut Page) -> Result<()> {
    let rank = host.shape().rank();
    if axis == rank {
        element(at as usize, &mut out.text)?;
        return out.turn();
    }
    out.text.push('[');
    for i in 0..host.shape()[axis] {
        if i > 0 {
            out.text.push(',');
            match rows {
                Some(indent) if axis + 1 < rank => new_row(&mut out.text, rank - axis - 1, indent + axis + 1),
                _ => out.text.push(' '),
            }
        }
        nest(host, axis + 1, at + i as isize * host.layout.strides[axis], rows, element, out)?;
    }
    out.text.push(']');
    Ok(())
}

/// A blank line for every axis below the row's own, then the indent under the brackets that are open.
fn new_row(out: &mut String, newlines: usize, indent: usize) {
    out.extend(std::iter::repeat_n('\n', newlines));
    out.extend(std::iter::repeat_n(' ', indent));
}

fn plain_rows(host: &Host, style: &Style, indent: usize, page: &mut Page) -> Result<()> {
    let mut element = |at: usize, out: &mut String| {
        push_element(out, host, at, style);
        Ok(())
    };
    nest(host, 0, host.layout.offset as isize, Some(indent), &mut element, page)
}

/// How many elements are left of an array that is cut.
fn shown(host: &Host) -> usize {
    host.shape().iter().fold(1, |n, &d| n.saturating_mul(d.min(2 * EDGE)))
}

/// One cell of a row: its text, and how many characters of it stand before the decimal point.
struct Cell {
    text: String,
    head: usize,
}

/// A row or what stands for rows that are left out.
enum Row {
    Cells(Vec<Cell>),
    Gap,
}

/// What a terminal shows: first every row's cells, then the widths that line them up.
struct Block<'a> {
    host: &'a Host,
    style: &'a Style,
    indent: usize,
    cut: bool,
    /// Rows in order, each with the number of brackets that open before it and close after it.
    rows: Vec<(Row, usize, usize)>,
}

impl<'a> Block<'a> {
    fn new(host: &'a Host, style: &'a Style, indent: usize, cut: bool) -> Block<'a> {
        let mut block = Block { host, style, indent, cut, rows: vec![] };
        block.gather(0, host.layout.offset as isize);
        block
    }

    /// Which indices of an axis show; `None` is the gap.
    fn picks(&self, axis: usize) -> Vec<Option<usize>> {
        let n = self.host.shape()[axis];
        if self.cut && n > 2 * EDGE {
            let ends = (0..EDGE).map(Some).chain([None]);
            return ends.chain((n - EDGE..n).map(Some)).collect();
        }
        (0..n).map(Some).collect()
    }

    fn gather(&mut self, axis: usize, at: isize) {
        let step = self.host.layout.strides[axis];
        let place = |i: usize| at + i as isize * step;
        if axis + 1 == self.host.shape().rank() {
            let cells = self.picks(axis).into_iter().map(|i| self.cell(i.map(place))).collect();
            self.rows.push((Row::Cells(cells), 1, 1));
            return;
        }
        let first = self.rows.len();
        for i in self.picks(axis) {
            match i {
                Some(i) => self.gather(axis + 1, place(i)),
                None => self.rows.push((Row::Gap, 0, 0)),
            }
        }
        // An axis opens before its first row and closes after its last; gaps never stand at the ends.
        self.rows[first].1 += 1;
        if let Some(last) = self.rows.last_mut() {
            last.2 += 1;
        }
    }

    fn cell(&self, at: Option<isize>) -> Cell {
        let Some(at) = at else {
            return Cell { text: self.style.ellipsis().to_string(), head: self.style.ellipsis().chars().count() };
        };
        let mut text = String::new();
        push_element(&mut text, self.host, at as usize, self.style);
        // Numbers line up at the point (or where it would be), bools at their end.
        let head = text.find(['.', 'e']).filter(|_| self.host.dtype.is_float()).unwrap_or(text.len());
        Cell { text, head }
    }

    fn text(&self) -> String {
        if let [(Row::Cells(cells), 1, 1)] = &self.rows[..] {
            let short = cells.iter().map(|c| c.text.chars().count() + 2).sum::<usize>();
            if self.indent + short <= self.style.width {
                let texts: Vec<&str> = cells.iter().map(|c| c.text.as_str()).collect();
                return format!("[{}]", texts.join(", "));
            }
        }
        let rank = self.host.shape().rank();
        let widths = self.widths(self.style.width.saturating_sub(self.indent + 2 * rank));
        let mut out = String::new();
        let mut newlines = 0;
        for (row, opens, closes) in &self.rows {
            if newlines > 0 {
                out.push(',');
                // A gap row opens no bracket of its own; it stands where a row of its axis would begin.
                let depth = if matches!(row, Row::Gap) { self.gap_depth(newlines) } else { rank - opens };
                new_row(&mut out, newlines, self.indent + depth);
            }
            match row {
                Row::Gap => out.push_str(self.style.ellipsis()),
                Row::Cells(cells) => {
                    out.extend(std::iter::repeat_n('[', *opens));
                    self.push_row(&mut out, cells, &widths);
                    out.extend(std::iter::repeat_n(']', *closes));
                    newlines = *closes;
                }
            }
        }
        out
    }

    /// A gap follows rows that closed `closed` brackets: so many axes lie below the one it cuts.
    fn gap_depth(&self, closed: usize) -> usize {
        self.host.shape().rank() - closed
    }

    /// Characters before and after the point, per column; the same for all columns where a row must wrap.
    fn widths(&self, room: usize) -> Vec<(usize, usize)> {
        let columns = self.rows.iter().find_map(|r| if let Row::Cells(c) = &r.0 { Some(c.len()) } else { None });
        let mut widths = vec![(0, 0); columns.unwrap_or(0)];
        for (row, ..) in &self.rows {
            let Row::Cells(cells) = row else { continue };
            for (width, cell) in widths.iter_mut().zip(cells) {
                width.0 = width.0.max(cell.head);
                width.1 = width.1.max(cell.text.chars().count() - cell.head.min(cell.text.chars().count()));
            }
        }
        if widths.iter().map(|w| w.0 + w.1 + 2).sum::<usize>() > room {
            let widest = widths.iter().fold((0, 0), |m, w| (m.0.max(w.0), m.1.max(w.1)));
            widths.fill(widest);
        }
        widths
    }

    fn push_row(&self, out: &mut String, cells: &[Cell], widths: &[(usize, usize)]) {
        let start = self.indent + self.host.shape().rank();
        let mut column = start;
        for (i, (cell, &(head, tail))) in cells.iter().zip(widths).enumerate() {
            if i > 0 {
                out.push(',');
                if column + 2 + head + tail + self.host.shape().rank() > self.style.width {
                    out.push('\n');
                    out.extend(std::iter::repeat_n(' ', start));
                    column = start;
                } else {
                    out.push(' ');
                    column += 2;
                }
            }
            let before = head - cell.head;
            out.extend(std::iter::repeat_n(' ', before));
            out.push_str(&cell.text);
            let after = (head + tail).saturating_sub(before + cell.text.chars().count());
            // No blanks before the bracket that closes a row.
            if i + 1 < cells.len() || self.rows.len() > 1 {
                out.extend(std::iter::repeat_n(' ', after));
            }
            column += head + tail;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Elem, Shape};

    fn array(host: &Host, style: &Style) -> String {
        super::array(host, style).unwrap()
    }
    fn array_at(host: &Host, style: &Style, indent: usize) -> String {
        super::array_at(host, style, indent).unwrap()
    }
    fn line(host: &Host, style: &Style) -> String {
        super::line(host, style).unwrap()
    }

    const TERMINAL: Style = Style { terminal: true, width: 40, color: false, digits: Some(6), ascii: false };

    fn host<T: Elem>(shape: &[usize], data: &[T]) -> Host {
        Host::from_slice(Shape::new(shape), data).unwrap()
    }
    fn counting(shape: &[usize]) -> Host {
        let n: usize = shape.iter().product();
        host(shape, &(0..n as i64).collect::<Vec<_>>())
    }

    #[test]
    fn one_axis_is_one_line() {
        assert_eq!(array(&host(&[3], &[1i64, 2, 3]), &TERMINAL), "[1, 2, 3]");
        assert_eq!(array(&host(&[2], &[3.0, 12.0]), &Style::PLAIN), "[3, 12]");
        assert_eq!(array(&host(&[2], &[true, false]), &TERMINAL), "[true, false]");
        assert_eq!(array(&host(&[2], &[0.1f32, 1e-7]), &Style::PLAIN), "[0.1, 1e-07]");
        assert_eq!(array(&host(&[1], &[0.19866933079506122]), &TERMINAL), "[0.198669]");
        assert_eq!(array(&host(&[1], &[i64::MIN]), &TERMINAL), "[-9223372036854775808]");
        assert_eq!(array(&host(&[3], &[f64::NAN, f64::INFINITY, -0.0]), &TERMINAL), "[nan, inf, -0]");
        assert_eq!(array(&host::<f64>(&[], &[2.5]), &TERMINAL), "2.5");
    }

    #[test]
    fn empty_arrays_show_their_shape() {
        assert_eq!(array(&host::<f64>(&[0], &[]), &Style::PLAIN), "[]");
        assert_eq!(array(&host::<f64>(&[0, 3], &[]), &Style::PLAIN), "[]  f64[0, 3]");
        assert_eq!(array(&host::<i64>(&[2, 0], &[]), &TERMINAL), "[[], []]  i64[2, 0]");
    }

    #[test]
    fn rows_line_up_on_a_terminal_and_stay_bare_in_a_pipe() {
        let x = host(&[2, 3], &[1.0, 0.25, -3.5, 10.0, 3.0, 1e-7]);
        assert_eq!(array(&x, &TERMINAL), "[[ 1, 0.25, -3.5  ],\n [10, 3   ,  1e-07]]");
        assert_eq!(array(&x, &Style::PLAIN), "[[1, 0.25, -3.5],\n [10, 3, 1e-07]]");
        assert_eq!(line(&x, &Style::PLAIN), "[[1, 0.25, -3.5], [10, 3, 1e-07]]");
        assert_eq!(array_at(&x, &Style::PLAIN, 4), "[[1, 0.25, -3.5],\n     [10, 3, 1e-07]]");
    }

    #[test]
    fn three_axes_have_a_blank_line_between() {
        let want = "[[[0, 1],\n  [2, 3]],\n\n [[4, 5],\n  [6, 7]]]";
        assert_eq!(array(&counting(&[2, 2, 2]), &TERMINAL), want);
        assert_eq!(array(&counting(&[2, 2, 2]), &Style::PLAIN), want);
    }

    #[test]
    fn long_rows_wrap_under_themselves() {
        let text = array(&counting(&[20]), &TERMINAL);
        assert_eq!(text, "[ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,\n 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]");
        let text = array(&counting(&[2, 20]), &TERMINAL);
        assert!(text.lines().all(|l| l.chars().count() <= 40), "{text}");
        assert!(text.lines().skip(1).all(|l| l.starts_with(' ')), "{text}");
    }

    #[test]
    fn a_terminal_gets_the_ends_of_a_big_array_and_a_pipe_all_of_it() {
        let x = counting(&[1001]);
        assert_eq!(array(&x, &TERMINAL), "[0, 1, 2, …, 998, 999, 1000]  i64[1001]");
        assert_eq!(array(&x, &Style::PLAIN).matches(',').count(), 1000);
        assert!(array(&counting(&[1000]), &TERMINAL).ends_with("999]"));
        let x = counting(&[100, 20]);
        let want = "[[   0,    1,    2, …,   17,   18,   19],\n [  20,   21,   22, …,   37,   38,   39],\n \
                    [  40,   41,   42, …,   57,   58,   59],\n …,\n [1940, 1941, 1942, …, 1957, 1958, 1959],\n \
                    [1960, 1961, 1962, …, 1977, 1978, 1979],\n [1980, 1981, 1982, …, 1997, 1998, 1999]]  i64[100, 20]";
        assert_eq!(array(&x, &Style { width: 80, ..TERMINAL }), want);
        let ascii = array(&x, &Style { width: 80, ascii: true, ..TERMINAL });
        assert!(ascii.is_ascii() && ascii.contains(", ..., "), "{ascii}");
    }

    #[test]
    fn a_cut_leading_axis_has_its_gap_between_blocks() {
        let text = array(&counting(&[200, 2, 3]), &TERMINAL);
        assert!(text.contains("],\n\n …,\n\n [[1182"), "{text}");
    }

    #[test]
    fn many_axes_do_not_explode() {
        let x = host(&[1], &[1.5]);
        let mut big = x.clone();
        big.layout = x.layout.broadcast(&Shape::new(&[2; 40]));
        assert!(array(&big, &TERMINAL).starts_with("[…]  f64[2, 2,"));
    }

    #[test]
    fn text_is_handed_on_in_pieces() {
        let x = counting(&[300, 300]);
        let mut pieces = vec![];
        array_to(&x, &Style::PLAIN, &mut |text| {
            pieces.push(text.to_string());
            Ok(())
        })
        .unwrap();
        assert!(pieces.len() > 5 && pieces.iter().all(|p| p.len() < PIECE + 100), "{}", pieces.len());
        assert_eq!(pieces.concat(), array(&x, &Style::PLAIN));
    }

    #[test]
    fn views_are_read_through_their_strides() {
        let mut x = counting(&[2, 3]);
        x.layout = x.layout.permute(&[1, 0]);
        assert_eq!(line(&x, &Style::PLAIN), "[[0, 3], [1, 4], [2, 5]]");
        assert_eq!(array(&x, &TERMINAL), "[[0, 3],\n [1, 4],\n [2, 5]]");
    }
}
